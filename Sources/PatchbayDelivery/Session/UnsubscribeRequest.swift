import PatchbayCore

/// `unsubscribe`: no more messages of a channel.
struct UnsubscribeRequest: ClientRequest {
    static let type = "unsubscribe"
    static let document = RequestDocument(
        summary: "Ends a subscription. Unsubscribing from what was never subscribed is confirmed too.",
        needsChannel: true, answer: "subscription_confirmed")

    let channel: String
    let id: String?

    init(_ fields: RequestFields) throws(RequestRefusal) {
        channel = try fields.channel()
        id = fields.id
    }

    func act(_ context: SessionContext) -> [SessionAction] {
        [
            .unsubscribe(channel: channel),
            .send(.confirmation("unsubscribed", of: channel, on: context.connection, id: id)),
        ]
    }
}
