import NIOCore
import PatchbayCore

/// One client's side of the subscribe protocol: which channels it reads, and the answers to its requests.
///
/// Thread: loop.
final class SubscriberSession: MessageHandler {
    private let loop: LoopContext
    private let onClose: () -> Void
    private(set) var subscriptions: [Subscription] = []

    /// - Parameter onClose: gives the connection's place back.
    init(loop: LoopContext, onClose: @escaping () -> Void) {
        self.loop = loop
        self.onClose = onClose
    }

    func connectionOpened(_ connection: WebSocketConnection) { loop.add(connection) }

    func connectionClosed(_ connection: WebSocketConnection) {
        for subscription in subscriptions { loop.fanout.unsubscribe(subscription) }
        subscriptions.removeAll()
        loop.remove(connection)
        onClose()
    }

    func connectionBecameWritable(_ connection: WebSocketConnection) {
        loop.fanout.receiverBecameWritable(subscriptions: subscriptions)
    }

    func received(binary: ByteBuffer, on connection: WebSocketConnection) {}

    func received(text: ByteBuffer, on connection: WebSocketConnection) {
        switch loop.requests.parse(text) {
        case .failure(let refusal):
            connection.send(refusal.frame)
        case .success(let request):
            handle(request, on: connection)
        }
    }

    private func handle(_ request: ClientRequest, on connection: WebSocketConnection) {
        switch request.action {
        case .ping:
            connection.send(
                ControlMessages.frame(type: "pong", channel: nil, data: request.withID("{}")))
        case .subscribe(let channel):
            guard let log = loop.router.log(ofChannel: channel) else {
                return connection.send(
                    RequestRefusal.unknownChannel(
                        channel, known: loop.router.table.logs.keys, id: request.id
                    ).frame)
            }
            // The cursor first: who holds the confirmation gets every message from then on. The confirmation still
            // comes before the first message, since passes run on this same event loop.
            if !subscriptions.contains(where: { $0.log === log }) {
                subscriptions.append(loop.fanout.subscribe(connection, to: log))
            }
            connection.send(Self.confirmation("subscribed", of: channel, request))
        case .unsubscribe(let channel):
            if let index = subscriptions.firstIndex(where: { $0.log.name == channel }) {
                loop.fanout.unsubscribe(subscriptions[index])
                subscriptions.swapAt(index, subscriptions.count - 1)
                subscriptions.removeLast()
            }
            connection.send(Self.confirmation("unsubscribed", of: channel, request))
        }
    }

    private static func confirmation(_ status: String, of channel: String, _ request: ClientRequest) -> ByteBuffer {
        ControlMessages.frame(
            type: "subscription_confirmed", channel: channel,
            data: request.withID("{\"status\":\"\(status)\",\"channel\":\(JSONLiteral.quoted(channel))}"))
    }
}
