import Foundation
import PatchbayConfig

/// Where a server listens, as people write it and as connections take it.
package struct ServerAddress: Sendable {
    /// Ports that a server can have.
    package static let ports = 1...65_535

    /// A name or an IP address; IPv6 without brackets.
    package let host: String
    package let port: Int

    /// - Parameter host: with or without the brackets that IPv6 addresses have in URLs.
    package init(host: String, port: Int) {
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        self.port = port
    }

    /// `host:port`, for people and in URLs.
    package var text: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// The value of `Host` (RFC 9110, section 7.2). The zone of a link-local address means something on this machine only.
    var authority: String {
        guard host.contains(":") else { return text }
        return "[\(host.prefix { $0 != "%" })]:\(port)"
    }
}

/// Why a text is no address that a connection can be made to.
package struct AddressMistake: Error {
    package let reason: String

    /// - Parameter known: schemes that are understood, the usual one first.
    static func check(scheme: String, of known: [String]) throws(AddressMistake) {
        if known.contains(scheme) { return }
        guard scheme == "https" || scheme == "wss" else {
            throw AddressMistake(reason: "`\(DisplayText.plain(scheme))://` is not understood; begin with \(known[0])://")
        }
        throw AddressMistake(
            reason: "this program can't connect with TLS (`\(scheme)://`); name the server itself, not the proxy in front of it")
    }
}

extension ServerAddress {
    /// What is behind `--host`: a name or an IP address, but also `host:port` and `http://host:port`, as they are copied from a log or a
    /// browser.
    package static func read(_ text: String) throws(AddressMistake) -> (host: String, port: Int?) {
        var text = text[...]
        if let end = text.firstRange(of: "://") {
            try AddressMistake.check(scheme: text[..<end.lowerBound].lowercased(), of: ["http", "ws"])
            text = text[end.upperBound...]
        }
        if let slash = text.firstIndex(of: "/") {
            guard text[slash...] == "/" else {
                throw AddressMistake(reason: "leave out the path `\(DisplayText.plain(String(text[slash...])))`")
            }
            text = text[..<slash]
        }
        guard !text.isEmpty, !text.contains(where: \.isWhitespace) else {
            throw AddressMistake(reason: "`\(DisplayText.plain(String(text)))` is not a host")
        }
        let (name, port) = split(text)
        guard let port else { return (name, nil) }
        guard let number = Int(port), ServerAddress.ports.contains(number) else {
            throw AddressMistake(reason: "`\(DisplayText.plain(port))` is not a port; put its number there, between 1 and 65535")
        }
        return (name, number)
    }

    /// `host:port` in two. An IPv6 address without brackets has no port.
    private static func split(_ text: Substring) -> (host: String, port: String?) {
        guard let colon = text.lastIndex(of: ":") else { return (String(text), nil) }
        let host = text[..<colon]
        guard host.hasPrefix("[") ? host.hasSuffix("]") : !host.contains(":") else { return (String(text), nil) }
        return (String(host), String(text[colon...].dropFirst()))
    }
}

/// The address of a WebSocket: `ws://host:port/path`.
package struct WebSocketAddress: Sendable {
    package let server: ServerAddress
    /// With its query; begins with `/`.
    let path: String

    package init(server: ServerAddress, path: String) {
        self.server = server
        self.path = path
    }

    /// Port of a server that is named without a scheme: Patchbay's own.
    private static let defaultPort = 8080

    /// What people have at hand: `ws://host:port/path`, the address of a page (`http://host:port/`), or `host:port`.
    ///
    /// Without a path, or with `/`, where no WebSocket is, it is `/ws`.
    package init(_ url: String) throws(AddressMistake) {
        let scheme = url.firstRange(of: "://").map { url[..<$0.lowerBound].lowercased() }
        if let scheme { try AddressMistake.check(scheme: scheme, of: ["ws", "http"]) }
        let form = "must be of the form ws://host:port/path, or host:port"
        guard let parts = URLComponents(string: scheme == nil ? "ws://" + url : url), let host = parts.host, !host.isEmpty,
            parts.user == nil
        else {
            // A colon at the most outside of brackets.
            let isBareIPv6 = scheme == nil && !url.contains("[") && url.count { $0 == ":" } > 1
            throw AddressMistake(
                reason: isBareIPv6 ? "put an IPv6 address in brackets, such as [::1]:8080" : "`\(DisplayText.plain(url))` \(form)")
        }
        let port = parts.port ?? (scheme == nil ? Self.defaultPort : 80)
        guard ServerAddress.ports.contains(port) else {
            throw AddressMistake(reason: "the port must be between 1 and 65535, found \(port)")
        }
        // In URLs the % of a zone is written %25 (RFC 6874).
        server = ServerAddress(host: host.replacingOccurrences(of: "%25", with: "%"), port: port)
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        let path = parts.percentEncodedPath
        self.path = (path.isEmpty || path == "/" ? "/ws" : path) + query
    }

    package var text: String { "ws://\(server.text)\(path)" }

    /// The path of an endpoint beside the WebSocket, also behind a proxy that adds a prefix.
    package func sibling(_ name: String) -> String {
        let path = self.path.prefix { $0 != "?" }
        return path[...(path.lastIndex(of: "/") ?? path.startIndex)] + name
    }
}
