import Foundation

/// Where a server listens, as people write it and as connections take it.
struct ServerAddress: Sendable {
    /// A name or an IP address; IPv6 without brackets.
    let host: String
    let port: Int

    /// - Parameter host: with or without the brackets that IPv6 addresses have in URLs.
    init(host: String, port: Int) {
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        self.port = port
    }

    /// `host:port`, for people and in URLs.
    var text: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// The value of `Host` (RFC 9110, section 7.2). The zone of a link-local address means something on this machine only.
    var authority: String {
        guard host.contains(":") else { return text }
        return "[\(host.prefix { $0 != "%" })]:\(port)"
    }
}

/// The address of a WebSocket: `ws://host:port/path`.
struct WebSocketAddress: Sendable {
    let server: ServerAddress
    /// With its query; begins with `/`.
    let path: String

    init(server: ServerAddress, path: String) {
        self.server = server
        self.path = path
    }

    /// `nil` when it is none that a connection can be made to.
    init?(_ url: String) {
        guard let parts = URLComponents(string: url), parts.scheme?.lowercased() == "ws", let host = parts.host, !host.isEmpty,
            parts.user == nil, ServerPort.range.contains(parts.port ?? 80)
        else { return nil }
        // In URLs the % of a zone is written %25 (RFC 6874).
        server = ServerAddress(host: host.replacingOccurrences(of: "%25", with: "%"), port: parts.port ?? 80)
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
    }

    var text: String { "ws://\(server.text)\(path)" }

    /// The path of an endpoint beside the WebSocket, also behind a proxy that adds a prefix.
    func sibling(_ name: String) -> String {
        let path = self.path.prefix { $0 != "?" }
        return path[...(path.lastIndex(of: "/") ?? path.startIndex)] + name
    }
}
