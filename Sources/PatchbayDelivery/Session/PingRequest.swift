import PatchbayCore

/// `ping`: an answer, for clients that can't send pings of their transport.
struct PingRequest: ClientRequest {
    static let type = "ping"
    static let document = RequestDocument(
        summary: "Asks for a `pong`, for clients that can't send WebSocket pings.", needsChannel: false, answer: "pong")

    let id: String?

    init(_ fields: RequestFields) { id = fields.id }

    func act(_ context: SessionContext) -> [SessionAction] {
        [.send(ControlMessage(type: "pong", channel: nil, data: withID("{}")))]
    }
}
