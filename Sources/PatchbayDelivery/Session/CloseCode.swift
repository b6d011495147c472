/// Why a connection is closed: one table, from which the documentation is generated.
///
/// Codes 1000–1015 are RFC 6455's (section 7.4.1) and the IANA registry's. Of the application's own range,
/// 4000–4499 mean "reconnecting may help", 4500–4999 mean "it will not".
public struct CloseCode: Sendable, Hashable {
    public let number: UInt16
    /// Sent as the close frame's reason when nothing more precise is known.
    public let reason: String
    /// When it is sent, for the reference.
    public let meaning: String

    public static let normal = CloseCode(
        number: 1000, reason: "goodbye", meaning: "The client closed the connection; the server answers with the client's own code.")
    public static let goingAway = CloseCode(
        number: 1001, reason: "server is shutting down",
        meaning: "The server is shutting down. Reconnect after the time named in the `server_shutdown` message.")
    public static let protocolError = CloseCode(
        number: 1002, reason: "protocol error",
        meaning: "A frame broke RFC 6455: reserved bits or opcodes, an unmasked or fragmented control frame, …")
    public static let unsupportedData = CloseCode(
        number: 1003, reason: "only text messages are accepted", meaning: "A binary message was received.")
    public static let invalidPayload = CloseCode(
        number: 1007, reason: "text is not valid UTF-8", meaning: "A text message or close reason is not UTF-8.")
    public static let policyViolation = CloseCode(
        number: 1008, reason: "policy violation",
        meaning: "The client kept exceeding a limit: with requests, or with pings, pongs and empty frames.")
    public static let messageTooBig = CloseCode(
        number: 1009, reason: "message is too big",
        meaning: "A message is larger than `server.max_message`, or a frame than `server.max_frame`. Send smaller requests.")
    public static let pingTimeout = CloseCode(
        number: 4000, reason: "no answer to pings",
        meaning: "Nothing was received for two ping intervals. Reconnect; check the network.")
    public static let idle = CloseCode(
        number: 4001, reason: "idle",
        meaning: "No subscription and no request for `server.idle_timeout`. Reconnect when there is something to ask for.")

    /// Every code that the server sends of its own accord.
    public static let all: [CloseCode] = [
        .normal, .goingAway, .protocolError, .unsupportedData, .invalidPayload, .policyViolation, .messageTooBig,
        .pingTimeout, .idle,
    ]

    /// Whether a peer may send this code in a close frame (RFC 6455, sections 7.4.1 and 7.4.2, and the IANA registry:
    /// 1004 is undefined; 1005, 1006 and 1015 are never sent; 1012–1014 are registered).
    public static func isValidFromPeer(_ number: UInt16) -> Bool {
        switch number {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
