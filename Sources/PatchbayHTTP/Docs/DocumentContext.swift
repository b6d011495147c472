import NIOCore
import PatchbayAPI
import PatchbayDelivery
import PatchbayJSON
import PatchbaySettings

/// What the documents say besides the routes: fixed for as long as the server runs.
struct DocumentContext: Sendable {
    /// The path that clients upgrade.
    var path: String
    /// 0 for any free port.
    var port: Int
    private let server: ServerSettings
    /// What goes before every path, such as `/patchbay`; empty for nothing.
    var prefix = ""
    /// Names of what is served under `/docs/`.
    var assets: [String]

    init(_ configuration: ServerConfiguration, assets: [String]) {
        path = configuration.path ?? "/ws"
        port = configuration.server.port
        server = configuration.server
        self.assets = assets
    }

    /// The port to show when none is known beforehand.
    var shownPort: Int { port == 0 ? 8080 : port }

    /// Completes a sentence about messages: their size, and how often the server pings, without the full stop.
    var exchangeRules: String {
        let pause = ReadableTime.exactly(milliseconds: TimeAmount(server.pingInterval).nanoseconds / 1_000_000)
        return "at most \(server.maxMessage) bytes from a client. The server pings every \(pause)"
    }
}

/// Headers of a WebSocket handshake, the same for both documents.
struct HandshakeHeader {
    var name: String
    var isRequired: Bool
    var documentation: String
    var schema: JSONTree

    static let all: [HandshakeHeader] = [
        HandshakeHeader(
            name: "Upgrade", isRequired: true, documentation: "Asks for the WebSocket protocol.",
            schema: ["type": "string", "const": "websocket"]),
        HandshakeHeader(
            name: "Connection", isRequired: true, documentation: "Makes `Upgrade` take effect.",
            schema: ["type": "string", "const": "Upgrade"]),
        HandshakeHeader(
            name: "Sec-WebSocket-Key", isRequired: true, documentation: "16 random bytes in base64.",
            schema: [
                "type": "string", "pattern": "^[A-Za-z0-9+/]{22}==$", "examples": ["dGhlIHNhbXBsZSBub25jZQ=="],
            ]),
        HandshakeHeader(
            name: "Sec-WebSocket-Version", isRequired: true, documentation: "The version of RFC 6455.",
            schema: ["type": "string", "const": "13"]),
        HandshakeHeader(
            name: "Sec-WebSocket-Protocol", isRequired: false,
            documentation: "Subprotocols on offer. `patchbay.v1` is selected when it is among them, no other ever is; browsers close the "
                + "connection when they offered some and none is selected.",
            schema: ["type": "string", "examples": ["patchbay.v1"]]),
        HandshakeHeader(
            name: "Origin", isRequired: false,
            documentation: "Sent by browsers. It must be one of `server.allowed_origins`; without it there is no such check.",
            schema: ["type": "string"]),
        HandshakeHeader(
            name: "X-Request-Id", isRequired: false,
            documentation: "Identifies the request; the answer and the server's log repeat it. Generated when there is none.",
            schema: ["type": "string", "maxLength": 64]),
        HandshakeHeader(
            name: "traceparent", isRequired: false, documentation: "The caller's trace (W3C Trace Context), for the server's log.",
            schema: [
                "type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
                "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
            ]),
    ]
}
