import PatchbayAPI

/// What names and addresses may look like. Each returns what a good one must be and a hint, or `nil` when it is good.
enum NameRules {
    struct Objection: Equatable {
        let problem: String
        let hint: String?
        /// Whether the problem repeats the text, which a secret's must not.
        let repeatsText: Bool

        init(_ problem: String, _ hint: String?, repeatsText: Bool = false) {
            self.problem = problem
            self.hint = hint
            self.repeatsText = repeatsText
        }
    }

    /// Longest name of a route or cluster, in characters.
    static let longestName = 200

    /// A plain name or a template.
    static func channel(_ name: String) -> Objection? {
        switch ChannelName.fault(in: name) {
        case nil: break
        case .empty, .tooLong: return Objection("must have between 1 and \(ChannelName.maximumBytes) bytes", nil)
        case .unprintable: return Objection(unprintable, nil)
        }
        do {
            _ = try ChannelTemplate(name)
            return nil
        } catch {
            return Objection(error.problem, error.hint, repeatsText: true)
        }
    }

    private static let unprintable =
        "must not contain control characters, line breaks or marks that change the direction of text"

    /// Names of routes and clusters, and types: anything that can be shown.
    static func plainName(_ name: String) -> Objection? {
        guard (1...longestName).contains(name.unicodeScalars.count) else {
            return Objection("must have between 1 and \(longestName) characters", nil)
        }
        guard name.unicodeScalars.allSatisfy(Shown.isHarmless) else {
            return Objection(unprintable, nil)
        }
        return nil
    }

    /// Types of the protocol's own messages (docs/protocol.md): a client couldn't tell such a record from one of them.
    static let reservedTypes: Set<String> = [
        "subscription_confirmed", "gap", "pong", "error", "channel_closed", "server_shutdown",
    ]

    static func messageType(_ type: String) -> Objection? {
        if reservedTypes.containsBytes(of: type) {
            return Objection("must not be a type that the server's own messages have", "take another word, such as `\(type)_data`")
        }
        return plainName(type)
    }

    /// Kafka's own rule (org.apache.kafka.common.internals.Topic): 1 to 249 of `[a-zA-Z0-9._-]`, but neither `.` nor `..`.
    static func topic(_ name: String) -> Objection? {
        if name.utf8.first == UInt8(ascii: "^") { return Objection("must be one topic, not a regular expression", nil) }
        guard (1...249).contains(name.utf8.count), name != ".", name != "..", name.utf8.allSatisfy(isTopicByte) else {
            return Objection(
                "must be a Kafka topic: 1 to 249 of the characters `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_` and `-`", nil
            )
        }
        return nil
    }

    /// `host:port`, `1.2.3.4:port` or `[v6]:port`.
    static func broker(_ address: String) -> Objection? {
        let problem = "must be `host:port`"
        if let scheme = address.range(of: "://") {
            return Objection(
                problem,
                "leave out `\(Shown.plain(String(address[..<scheme.upperBound])))`; set `security.protocol` under `properties`"
            )
        }
        if address.contains(",") { return Objection(problem, "write several as a list: `brokers: [kafka1:9092, kafka2:9092]`") }
        guard let colon = address.lastIndex(of: ":"), !address.hasSuffix("]") else {
            let isHost = !address.isEmpty && address.utf8.allSatisfy(isHostByte)
            return Objection(problem, isHost ? "add the port: `\(Shown.plain(address)):9092`" : "for example `kafka1:9092`")
        }
        let host = address[..<colon]
        let port = address[colon...].dropFirst()
        guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port),
            (1...65535).contains(number)
        else { return Objection(problem, "the port must be between 1 and 65535") }
        if host.hasPrefix("[") && host.hasSuffix("]") {
            let inner = host.dropFirst().dropLast()
            let isAddress = inner.contains(":") && inner.utf8.allSatisfy { isHostByte($0) || $0 == 0x3A || $0 == 0x25 }
            return isAddress ? nil : Objection(problem, "for example `[::1]:9092`")
        }
        if host.contains(":") { return Objection(problem, "put an IPv6 address in brackets: `[::1]:9092`") }
        guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else { return Objection(problem, "for example `kafka1:9092`") }
        return nil
    }

    /// `*`, or what browsers send as `Origin` (RFC 6454): `scheme://host`, `scheme://host:port` or `null`.
    static func origin(_ origin: String) -> Objection? {
        if origin == "*" || origin == "null" { return nil }
        let problem = "must be `*` or an origin such as `https://example.com`"
        guard let separator = origin.range(of: "://") else {
            let isHost = !origin.isEmpty && origin.utf8.allSatisfy { isHostByte($0) || $0 == 0x3A }
            return Objection(problem, isHost ? "write `https://\(Shown.plain(origin))`" : nil)
        }
        let host = origin[separator.upperBound...]
        guard !host.contains("/") else {
            return Objection(problem, "leave out what follows the host, the `/` included")
        }
        let scheme = origin[..<separator.lowerBound]
        guard !scheme.isEmpty, scheme.utf8.allSatisfy(isHostByte), isHostPattern(host) else { return Objection(problem, nil) }
        return nil
    }

    /// A host, perhaps with a port; `*.` in front is every host below it, `:*` at the end every port.
    private static func isHostPattern(_ text: Substring) -> Bool {
        var host = text
        if host.hasPrefix("*.") { host = host.dropFirst(2) }
        if host.hasSuffix(":*") { host = host.dropLast(2) }
        return !host.isEmpty && host.utf8.allSatisfy { isHostByte($0) || [0x3A, 0x5B, 0x5D].contains($0) }
    }

    private static func isTopicByte(_ byte: UInt8) -> Bool { isHostByte(byte) }

    /// Letters, digits, `.`, `_` and `-`: topics allow exactly these, and so do host names in practice.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}

extension String {
    /// The first place of `needle`.
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
            start = index(after: start)
        }
        return nil
    }
}
