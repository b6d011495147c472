package import NIOHTTP1

/// What to do with the first request of a connection. Decided from plain values, apart from any I/O.
package enum HandshakeDecision: Equatable {
    /// Not about WebSockets: an ordinary HTTP request.
    case http
    /// A WebSocket handshake that may go on.
    case upgrade
    /// A WebSocket handshake that is refused before the upgrade.
    case refuse(HTTPResponseStatus, code: String, message: String)

    /// What a server asks of handshakes.
    struct Rules: Sendable {
        /// The path that clients upgrade; `nil` takes any.
        var path: String?
        /// Requests without `Origin` (not from browsers) are always allowed.
        var allowedOrigins: OriginList

        init(path: String?, allowedOrigins: [String]) {
            self.path = path
            self.allowedOrigins = OriginList(allowedOrigins)
        }
    }

    /// The one subprotocol there is.
    static let subprotocol = "patchbay.v1"

    /// The subprotocol to answer with: one of those offered, or none (RFC 6455, section 4.2.2; names are case-sensitive).
    static func subprotocol(of head: HTTPRequestHead) -> String? {
        head.headers[canonicalForm: "sec-websocket-protocol"].contains { $0 == subprotocol } ? subprotocol : nil
    }

    static func decide(_ head: HTTPRequestHead, rules: Rules, isDraining: Bool) -> HandshakeDecision {
        let hasUpgrade = head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
        let hasConnection = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
        guard hasUpgrade, hasConnection else {
            return halfHandshake(head, hasUpgrade: hasUpgrade, hasConnection: hasConnection, rules: rules) ?? .http
        }
        // RFC 6455, section 4.1. Where it comes from is a proxy between.
        guard !RequestRules.isHTTP10(head) else {
            return .refuse(
                .upgradeRequired, code: "upgrade_required",
                message: "a WebSocket handshake needs HTTP/1.1, and this one came as HTTP/1.0; "
                    + "a proxy in between must use 1.1 towards the server (nginx: proxy_http_version 1.1)")
        }
        if let refusal = RequestRules.refusal(of: head) {
            return .refuse(refusal.status, code: refusal.code, message: refusal.message)
        }
        let path = head.uri.prefix { $0 != "?" }
        if let wanted = rules.path, path != wanted {
            return .refuse(
                .notFound, code: "not_found", message: "there is no WebSocket at \(ClientText.shown(path)); connect to \(wanted)")
        }
        guard head.method == .GET else {
            return .refuse(.badRequest, code: "bad_handshake", message: "a WebSocket handshake is a GET request")
        }
        // RFC 6455, section 4.2.2: name the version we speak.
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else {
            return .refuse(
                .upgradeRequired, code: "unsupported_version", message: "Sec-WebSocket-Version must be 13")
        }
        // RFC 6455, section 4.1: 16 random bytes in base64, so 24 characters ending in "==".
        let keys = head.headers["Sec-WebSocket-Key"]
        guard keys.count == 1, let key = keys.first, isKey(key) else {
            return .refuse(
                .badRequest, code: "bad_handshake", message: "Sec-WebSocket-Key must be 16 bytes in base64, given once")
        }
        if !rules.allowedOrigins.allowsAll, let origin = head.headers.first(name: "Origin"),
            !rules.allowedOrigins.allows(origin)
        {
            return .refuse(
                .forbidden, code: "forbidden_origin",
                message: "the page's origin \(ClientText.shown(origin)) is not in server.allowed_origins")
        }
        guard !isDraining else {
            return .refuse(.serviceUnavailable, code: "draining", message: "the server is shutting down")
        }
        return .upgrade
    }

    /// What is left of a handshake when a proxy has dropped headers that are meant for the next hop only: both `Upgrade` and
    /// `Connection` are (RFC 9110, section 7.6.1), so a proxy has to be told to send them.
    private static func halfHandshake(
        _ head: HTTPRequestHead, hasUpgrade: Bool, hasConnection: Bool, rules: Rules
    ) -> HandshakeDecision? {
        // Any other method isn't allowed there, whatever its headers say.
        guard head.method == .GET, rules.path.map({ head.uri.prefix { $0 != "?" } == $0 }) ?? true else { return nil }
        let hasOther = head.headers.contains(name: "Upgrade") && !hasUpgrade
        guard hasUpgrade || head.headers.contains(name: "Sec-WebSocket-Key"), !hasOther else { return nil }
        return .refuse(
            .upgradeRequired, code: "upgrade_required", message: missing(hasUpgrade: hasUpgrade, hasConnection: hasConnection))
    }

    /// Which header is missing, and who may have dropped it.
    package static func missing(hasUpgrade: Bool, hasConnection: Bool) -> String {
        let missing =
            switch (hasUpgrade, hasConnection) {
            case (true, _): "has Upgrade: websocket but no Connection: Upgrade"
            case (false, true): "has Connection: Upgrade but no Upgrade: websocket"
            case (false, false): "has a Sec-WebSocket-Key but neither Upgrade: websocket nor Connection: Upgrade"
            }
        return "this handshake \(missing); a proxy in between must pass both on (nginx: proxy_set_header Upgrade "
            + "$http_upgrade; proxy_set_header Connection \"upgrade\")"
    }

    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22...] == [UInt8(ascii: "="), UInt8(ascii: "=")] else { return false }
        return bytes[..<22].allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
