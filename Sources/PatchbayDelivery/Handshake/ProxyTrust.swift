package import NIOCore
import NIOHTTP1
import PatchbayAPI
import PatchbayCore
import PatchbaySettings

/// What is believed of the way that a request came: through which proxies, and below which path.
package struct ProxyTrust: Sendable {
    /// Hops of `X-Forwarded-For` that are looked at.
    private static let mostHops = 20

    /// `server.base_path`: empty, or `/` and more without a `/` at the end.
    package let basePath: String
    private let proxies: [Network]

    package init(_ configuration: ServerConfiguration) {
        basePath = configuration.server.basePath
        proxies = configuration.server.trustedProxies.compactMap(Network.init)
    }

    package func isTrusted(_ address: SocketAddress?) -> Bool {
        guard !proxies.isEmpty, let peer = address?.ipAddress.flatMap(InternetAddress.init) else { return false }
        return isTrusted(peer)
    }

    private func isTrusted(_ address: InternetAddress) -> Bool { proxies.contains { $0.contains(address) } }

    // MARK: Paths

    /// A request's target without the base path: proxies may pass it on or take it away.
    package func target(_ uri: String) -> String {
        guard !basePath.isEmpty, uri.hasPrefix(basePath) else { return uri }
        let rest = uri.dropFirst(basePath.count)
        switch rest.first {
        case "/": return String(rest)
        case nil, "?": return "/" + rest
        default: return uri
        }
    }

    // MARK: Clients

    /// What people know a client by.
    func details(_ head: HTTPRequestHead, peer: SocketAddress?) -> ClientDetails {
        var details = ClientDetails(address: address(head, peer: peer))
        details.origin = head.headers.first(name: "Origin").map { ClientText.shown($0) }
        if details.origin == nil { details.userAgent = head.headers.first(name: "User-Agent").map { ClientText.shown($0) } }
        let query = head.uri.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        let named = query.split(separator: "&").first { $0.hasPrefix("client=") }?.dropFirst("client=".count)
        if let named, !named.isEmpty { details.name = ClientText.shown(Self.decoded(named.prefix(1000)), limit: 64) }
        return details
    }

    /// The socket's peer; behind trusted proxies the last address in `X-Forwarded-For` that is none of theirs.
    private func address(_ head: HTTPRequestHead, peer: SocketAddress?) -> String? {
        guard let own = peer?.ipAddress else { return nil }
        guard isTrusted(peer) else { return own }
        var client = own
        for hop in head.headers[canonicalForm: "x-forwarded-for"].reversed().prefix(Self.mostHops) {
            let text = Self.withoutPort(hop)
            guard let address = InternetAddress(text) else { break }
            client = String(text)
            guard isTrusted(address) else { break }
        }
        return client
    }

    private static func withoutPort(_ hop: Substring) -> Substring {
        if hop.hasPrefix("[") { return hop.dropFirst().prefix { $0 != "]" } }
        return hop.count(where: { $0 == ":" }) == 1 ? hop.prefix { $0 != ":" } : hop
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
