import NIOCore
import PatchbayAPI
import PatchbayCore

/// One client's side of the subscribe protocol: which channels it reads, and the answers to its requests.
///
/// Thread: loop.
final class SubscriberSession: MessageHandler {
    private let loop: LoopContext
    private let onClose: () -> Void
    private(set) var subscriptions: [Subscription] = []
    private var requests = RateMeter()
    /// When the client last asked for something, or last lost a subscription.
    private var lastActive = NIODeadline.now()

    /// - Parameter onClose: gives the connection's place back.
    init(loop: LoopContext, onClose: @escaping () -> Void) {
        self.loop = loop
        self.onClose = onClose
    }

    func connectionOpened(_ connection: any ClientConnection) { loop.add(connection) }

    func connectionClosed(_ connection: any ClientConnection) {
        for subscription in subscriptions { loop.fanout.unsubscribe(subscription) }
        subscriptions.removeAll()
        loop.remove(connection)
        onClose()
    }

    func handOutRest() -> Int64 {
        subscriptions.reduce(0) { $0 + loop.fanout.handOutRest(to: $1, reason: "server_shutdown") }
    }

    func connectionBecameWritable(_ connection: any ClientConnection) {
        loop.fanout.receiverBecameWritable(subscriptions: subscriptions)
    }

    func subscriptionEnded(_ subscription: Subscription) {
        subscriptions.removeAll { $0 === subscription }
        lastActive = .now()
    }

    var idleSince: NIODeadline? { subscriptions.isEmpty ? lastActive : nil }

    func received(binary: ByteBuffer, on connection: any ClientConnection) {}

    func received(text: ByteBuffer, on connection: any ClientConnection) {
        lastActive = .now()
        if let limit = loop.limits.requests {
            switch requests.admit(at: lastActive, within: limit) {
            case .admitted: break
            case .refused: return refuse(text, on: connection)
            case .flooding:
                return connection.close(.policyViolation, over: .requestFlood, reason: "too many requests")
            }
        }
        switch loop.requests.parse(text) {
        case .failure(let refusal):
            connection.send(refusal.control)
        case .success(let request):
            handle(request, on: connection)
        }
    }

    /// A request over the rate: read only for its id.
    private func refuse(_ text: ByteBuffer, on connection: any ClientConnection) {
        loop.counters.count(.requestRate)
        let id =
            switch loop.requests.parse(text) {
            case .success(let request): request.id
            case .failure(let refusal): refusal.id
            }
        connection.send(RequestRefusal.rateLimited(loop.limits.requestsPerSecond, id: id).control)
    }

    private func handle(_ request: ClientRequest, on connection: any ClientConnection) {
        switch request.action {
        case .ping:
            connection.send(ControlMessage(type: "pong", channel: nil, data: request.withID("{}")))
        case .subscribe(let channel):
            // Before the channel is looked up, which may make it.
            let most = loop.limits.maximumSubscriptions
            guard subscriptions.count < most || subscriptions.contains(where: { $0.log.name.hasSameBytes(as: channel) }) else {
                loop.counters.count(.subscriptions)
                return connection.send(RequestRefusal.tooManySubscriptions(channel, most: most, id: request.id).control)
            }
            if let refusal = misnamed(channel, id: request.id) { return connection.send(refusal.control) }
            do throws(SubscriptionRefusal) {
                try loop.authorizer.authorize(connection.client.principal, toSubscribeTo: channel)
            } catch {
                return connection.send(RequestRefusal.notAuthorized(channel, error, id: request.id).control)
            }
            let log: ChannelLog
            do throws(RoutingHub.ChannelRefusal) {
                log = try loop.router.openLog(ofChannel: channel) { mayAwait(channel) }
            } catch {
                if error != .unknown { loop.counters.count(.awaitedChannels) }
                return connection.send(refusal(error, of: channel, id: request.id).control)
            }
            // The cursor first: who holds the confirmation gets every message from then on. The confirmation still
            // comes before the first message, since passes run on this same event loop.
            if !subscriptions.contains(where: { $0.log === log }) {
                subscriptions.append(loop.fanout.subscribe(connection, to: log))
            }
            log.unpin()
            connection.send(Self.confirmation("subscribed", of: channel, request, connection))
        case .unsubscribe(let channel):
            if let index = subscriptions.firstIndex(where: { $0.log.name.hasSameBytes(as: channel) }) {
                loop.fanout.unsubscribe(subscriptions[index])
                subscriptions.swapAt(index, subscriptions.count - 1)
                subscriptions.removeLast()
            }
            connection.send(Self.confirmation("unsubscribed", of: channel, request, connection))
        }
    }

    /// Names that are meant as patterns would be confirmed and stay silent, because a template could make them.
    private func misnamed(_ channel: String, id: String?) -> RequestRefusal? {
        let wildcard = ChannelName.wildcard(in: channel)
        guard wildcard != nil || channel.utf8.contains(UInt8(ascii: "{")), loop.router.log(ofChannel: channel) == nil else {
            return nil
        }
        if let wildcard { return .pattern(channel, wildcard: wildcard, id: id) }
        return loop.router.channelNames.contains { $0.hasSameBytes(as: channel) } ? .template(channel, id: id) : nil
    }

    /// Whether this client may wait for one more channel that no record has made yet. One it waits for already is none more.
    private func mayAwait(_ channel: String) -> Bool {
        var awaited = 0
        for subscription in subscriptions where subscription.log.isAwaited {
            if subscription.log.name.hasSameBytes(as: channel) { return true }
            awaited += 1
        }
        return awaited < loop.limits.maximumAwaitedChannels
    }

    private func refusal(_ refusal: RoutingHub.ChannelRefusal, of channel: String, id: String?) -> RequestRefusal {
        switch refusal {
        case .unknown: .unknownChannel(channel, known: loop.router.channelNames, id: id)
        case .clientAwaitsTooMany:
            .awaitsTooManyChannels(channel, most: loop.limits.maximumAwaitedChannels, id: id)
        case .tooManyAwaited(let most): .tooManyAwaitedChannels(channel, most: most, id: id)
        }
    }

    private static func confirmation(
        _ status: String, of channel: String, _ request: ClientRequest, _ connection: any ClientConnection
    ) -> ControlMessage {
        // Browsers can't read the handshake's headers, so the connection is named here, too.
        ControlMessage(
            type: "subscription_confirmed", channel: channel,
            data: request.withID(
                "{\"status\":\"\(status)\",\"channel\":\(JSONLiteral.quoted(channel)),\"connection\":\"\(connection.name)\"}"))
    }
}
