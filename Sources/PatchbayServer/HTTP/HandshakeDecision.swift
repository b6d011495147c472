import NIOHTTP1

/// What to do with the first request of a connection. Decided from plain values, apart from any I/O.
enum HandshakeDecision: Equatable {
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

    static func decide(_ head: HTTPRequestHead, rules: Rules, isDraining: Bool) -> HandshakeDecision {
        let wantsWebSocket =
            head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
        guard wantsWebSocket else { return .http }
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
                .notFound, code: "not_found", message: "there is no WebSocket at \(path); connect to \(wanted)")
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
                message: "Origin is not in server.allowed_origins")
        }
        guard !isDraining else {
            return .refuse(.serviceUnavailable, code: "draining", message: "the server is shutting down")
        }
        return .upgrade
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
