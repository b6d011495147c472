import PatchbayAPI
import PatchbayCore

/// `subscribe`: every message of a channel from now on.
package struct SubscribeRequest: ClientRequest, Equatable {
    package static let type = "subscribe"
    package static let document = RequestDocument(
        summary: "Asks for every message of a channel from now on. Subscribing twice is confirmed twice and delivers once.",
        needsChannel: true, answer: "subscription_confirmed")

    let channel: String
    package let id: String?

    package init(_ fields: RequestFields) throws(RequestRefusal) {
        channel = try fields.channel()
        id = fields.id
    }

    package func act(_ context: SessionContext) -> [SessionAction] {
        // Before the channel is looked up, which may make it.
        let most = context.limits.maximumSubscriptions
        guard context.subscriptions < most || context.isSubscribed(channel) else {
            return [
                .count(.subscriptions),
                refuse(code: "too_many_subscriptions", "a connection may be subscribed to \(most) channels; unsubscribe from one first"),
            ]
        }
        return [.subscribe(self, from: .head)]
    }

    /// What came of looking the channel up.
    enum Outcome {
        case subscribed
        /// The name is meant as a pattern.
        ///
        /// - wildcard: what makes it look like one.
        case pattern(wildcard: String)
        /// It is the text of a template.
        case template
        /// - known: names to choose from, in the order to name them.
        case unknown(known: [String])
        /// No record has made it yet, and this connection awaits as many such channels as it may.
        case awaitsTooMany(most: Int)
        /// The same for all clients together.
        case tooManyAwaited(most: Int)
        case unauthorized(SubscriptionRefusal)
    }

    func answer(_ outcome: Outcome, _ context: SessionContext) -> [SessionAction] {
        let shown = ClientText.shown(channel)
        switch outcome {
        case .subscribed:
            return [.send(.confirmation("subscribed", of: channel, on: context.connection, id: id))]
        case .pattern(let wildcard):
            return [
                refuse(
                    code: "invalid_channel",
                    "\"\(shown)\" looks like a pattern (\"\(wildcard)\"), but a subscription is for one channel, and there is none of that "
                        + "name; subscribe to each channel by its full name")
            ]
        case .template:
            return [
                refuse(code: "invalid_channel", "\"\(shown)\" is a template for many channels; replace each {…} with a value to name one")
            ]
        case .unknown(let known):
            let list = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
            return [refuse(code: "unknown_channel", "there is no channel \"\(shown)\"; channels are: \(list)")]
        case .awaitsTooMany(let most):
            return [
                .count(.awaitedChannels),
                refuse(
                    code: "too_many_channels",
                    "\"\(shown)\" has had no message yet, and a connection may wait for \(most) such channels; unsubscribe from one first"),
            ]
        case .tooManyAwaited(let most):
            return [
                .count(.awaitedChannels),
                refuse(
                    code: "too_many_channels",
                    "\"\(shown)\" has had no message yet, and clients wait for \(most) such channels already; try again later"),
            ]
        case .unauthorized(let refusal): return [refuse(code: refusal.code, refusal.message)]
        }
    }

    private func refuse(code: String, _ message: String) -> SessionAction {
        .send(RequestRefusal(code: code, message: message, about: channel, id: id).control)
    }
}

extension ControlMessage {
    /// Answers `subscribe` and `unsubscribe`.
    ///
    /// - Parameter connection: its name; browsers can't read the handshake's headers, where it stands too.
    static func confirmation(_ status: String, of channel: String, on connection: String, id: String?) -> ControlMessage {
        ControlMessage(
            type: "subscription_confirmed", channel: channel,
            data: RequestRefusal.withID(
                id,
                "{\"status\":\"\(status)\",\"channel\":\(JSONLiteral.quoted(channel)),\"connection\":\"\(connection)\"}"))
    }
}
