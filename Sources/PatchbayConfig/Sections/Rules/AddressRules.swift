import PatchbayAPI

/// Where things are: brokers, addresses to listen on, origins of web pages.
extension NameRules {
    /// `host:port`, `1.2.3.4:port` or `[v6]:port`.
    static func broker(_ address: String) -> Objection? {
        let problem = "must be `host:port`"
        if let end = endOfScheme(address) {
            return Objection(
                problem, "leave out `\(DisplayText.plain(String(address[..<end])))`; set `security.protocol` under `properties`")
        }
        if address.contains(",") { return Objection(problem, "write several as a list: `brokers: [kafka1:9092, kafka2:9092]`") }
        if address.unicodeScalars.contains(where: { $0.properties.isWhitespace }) {
            return Objection(problem, "leave out the spaces; write several as a list: `brokers: [kafka1:9092, kafka2:9092]`")
        }
        if address.utf8.contains(UInt8(ascii: "/")) { return Objection(problem, "leave out the `/` and what follows it") }
        guard let colon = address.lastIndex(of: ":"), !address.hasSuffix("]") else {
            let isHost = !address.isEmpty && address.utf8.allSatisfy(isHostByte)
            return Objection(problem, isHost ? "add the port: `\(DisplayText.plain(address)):9092`" : "for example `kafka1:9092`")
        }
        let host = address[..<colon]
        let port = address[colon...].dropFirst()
        guard isPort(port) else {
            let isWord = port.utf8.contains { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
            return Objection(
                problem,
                isWord
                    ? "`\(DisplayText.plain(String(port)))` is not a port: put its number there, between 1 and 65535"
                    : "the port must be between 1 and 65535")
        }
        if host.hasPrefix("[") && host.hasSuffix("]") {
            return isBracketedAddress(host) ? nil : Objection(problem, "for example `[::1]:9092`")
        }
        if host.contains(":") { return Objection(problem, "put an IPv6 address in brackets: `[::1]:9092`") }
        guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else { return Objection(problem, "for example `kafka1:9092`") }
        return nil
    }

    /// An address to listen on: a name, `1.2.3.4` or `::1`, without a port.
    static func host(_ text: String) -> Objection? {
        let problem = "must be a host name or an IP address, without a port"
        if let end = endOfScheme(text) { return Objection(problem, "leave out `\(DisplayText.plain(String(text[..<end])))`") }
        if text.utf8.contains(UInt8(ascii: "[")) || text.utf8.contains(UInt8(ascii: "]")) {
            let inner = text.prefix { $0 != "]" }.drop { $0 == "[" }
            return Objection(problem, "write an IPv6 address without brackets: `\(DisplayText.plain(String(inner)))`")
        }
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        if colons == 1, let colon = text.firstIndex(of: ":") {
            return Objection(
                problem,
                "write `host: \(DisplayText.plain(String(text[..<colon])))` and `port: \(DisplayText.plain(String(text[colon...].dropFirst())))`"
            )
        }
        // `%` begins the zone of a link-local address.
        let isRight = text.utf8.allSatisfy { isHostByte($0) || colons > 1 && ($0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%")) }
        return isRight && !text.isEmpty ? nil : Objection(problem, "for example `host: 127.0.0.1`")
    }

    /// `*`, or what browsers send as `Origin` (RFC 6454, and the URL standard's serialization): `scheme://host` or
    /// `scheme://host:port` in lower case, without the scheme's own port and without a path; or `null`.
    static func origin(_ origin: String) -> Objection? {
        if origin == "*" || origin == "null" { return nil }
        let problem = "must be `*` or an origin such as `https://example.com`"
        guard let end = endOfScheme(origin) else {
            let isHost = !origin.isEmpty && origin.utf8.allSatisfy { isHostByte($0) || $0 == UInt8(ascii: ":") }
            return Objection(problem, isHost ? "write `https://\(DisplayText.plain(origin))`" : nil)
        }
        let scheme = origin[..<end].dropLast(3)
        let rest = origin[end...]
        if scheme.lowercased() == "file" { return Objection(problem, "pages opened from files have the origin `null`") }
        if ["ws", "wss"].contains(scheme.lowercased()) {
            let page = scheme.utf8.count == 2 ? "http" : "https"
            return Objection(problem, "browsers send the origin of the page: `\(page)://\(DisplayText.plain(String(rest)))`")
        }
        if let end = rest.firstIndex(where: { $0 == "/" || $0 == "?" || $0 == "#" }) {
            return Objection(
                problem, "leave out what follows the host, the `\(rest[end])` included: browsers send no path")
        }
        guard !scheme.isEmpty, scheme.utf8.allSatisfy({ isHostByte($0) || $0 == UInt8(ascii: "+") }) else { return Objection(problem, nil) }
        guard let (host, port) = hostAndPort(rest), isHostPattern(host), port.map({ $0 == "*" || isPort($0) }) ?? true else {
            let isForeign = rest.utf8.contains { $0 >= 0x80 }
            return Objection(problem, isForeign ? "browsers send the host in ASCII (`xn--…`)" : nil)
        }
        if let port, let own = ["http": "80", "https": "443"][scheme.lowercased()], own == port {
            return Objection(
                problem, "browsers leave out the scheme's default port: `\(scheme.lowercased())://\(DisplayText.plain(host.lowercased()))`")
        }
        guard !origin.utf8.contains(where: { (0x41...0x5A).contains($0) }) else {
            return Objection(
                "is not what browsers send: they write origins in lower case", "write `\(DisplayText.plain(origin.lowercased()))`",
                isWarning: true)
        }
        return nil
    }

    /// Both parts, the port without its colon; `nil` for brackets that don't match.
    private static func hostAndPort(_ text: Substring) -> (host: Substring, port: Substring?)? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[end...].dropFirst()
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            return (text[...end], rest.isEmpty ? nil : rest.dropFirst())
        }
        guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
        return (text[..<colon], text[colon...].dropFirst())
    }

    /// A host; `*.` in front is every host below it.
    private static func isHostPattern(_ text: Substring) -> Bool {
        if text.hasPrefix("[") { return isBracketedAddress(text) }
        let host = text.hasPrefix("*.") ? text.dropFirst(2) : text
        return !host.isEmpty && host.utf8.allSatisfy(isHostByte)
    }

    private static func isBracketedAddress(_ text: Substring) -> Bool {
        let inner = text.dropFirst().dropLast()
        return text.hasSuffix("]") && inner.contains(":")
            && inner.utf8.allSatisfy { isHostByte($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%") }
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else { return false }
        return (1...65535).contains(number)
    }

    /// The index behind `://`.
    private static func endOfScheme(_ text: String) -> String.Index? {
        var rest = text.unicodeScalars[...]
        while let colon = rest.firstIndex(of: ":") {
            rest = rest[colon...]
            if rest.starts(with: "://".unicodeScalars) { return rest.index(colon, offsetBy: 3) }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// What names and networks of what stands before the server may look like.
extension NameRules {
    /// `*`, a host, or `*.` and a host, which is every host below it.
    static func hostPattern(_ text: String) -> Objection? {
        if text.utf8.elementsEqual("*".utf8) { return nil }
        let problem = "must be a host name, such as `patchbay.internal`, `*.internal` or `*`"
        let host = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        if !host.isEmpty, host.utf8.allSatisfy(isOfName) { return nil }
        return Objection(problem, text.contains(":") || text.contains("/") ? "leave out scheme, port and path" : nil)
    }

    /// `/`, or a path of plain segments.
    static func basePath(_ path: String) -> Objection? {
        if path == "/" { return nil }
        if path.utf8.count <= 200 && PathPrefix.isValid(path) {
            guard PathPrefix.beginsLikeServed(path) else { return nil }
            // A proxy may take the base path away, and what is left may look as if it hadn't.
            return Objection("must not begin like one of the server's own paths", "use another one, such as `/patchbay`")
        }
        let problem = "must be a path such as `/patchbay`"
        if path.hasSuffix("/") { return Objection(problem, "leave out the `/` at the end") }
        return Objection(problem, path.hasPrefix("/") ? "of letters, digits, `-`, `.`, `_`, `~` and `/`" : "begin with a `/`")
    }

    /// An address or a network of addresses.
    static func network(_ text: String) -> Objection? {
        Network(text) == nil ? Objection("must be an address or a network such as `10.0.0.0/8` or `fd00::/8`", nil) : nil
    }

    /// Letters, digits, `.`, `_` and `-`.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}

/// Brokers as options and variables name them: `host:port`, separated by commas.
package enum BrokerAddresses {
    /// What is wrong with one of them.
    package struct Mistake: Error {
        /// The part between two commas.
        package let text: String
        /// Begins with "must".
        package let problem: String
        package let hint: String?
    }

    /// - Parameter name: of the option or variable, for hints: `--brokers`, `KAFKA_BROKERS`.
    package static func read(_ text: String, from name: String) throws(Mistake) -> [String] {
        var addresses: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let address = String(part).trimmed
            if let objection = NameRules.broker(address) {
                let hint = objection.hint.map { Subject(name: "brokers", path: "brokers").hint($0, for: name) }
                throw Mistake(text: DisplayText.plain(address), problem: objection.problem, hint: hint)
            }
            addresses.append(address)
        }
        return addresses
    }
}
