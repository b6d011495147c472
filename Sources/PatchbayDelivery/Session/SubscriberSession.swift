package import NIOCore
import PatchbayAPI
package import PatchbayCore

/// Carries out for one client what its session decides: looks channels up, subscribes, answers.
///
/// Thread: loop.
package final class SubscriberSession: MessageHandler {
    private let loop: LoopContext
    private(set) var subscriptions = SubscriptionList()
    private var session = Session(at: .now())

    package init(loop: LoopContext) { self.loop = loop }

    package func connectionOpened(_ connection: any ClientConnection) { loop.add(connection) }

    package func connectionClosed(_ connection: any ClientConnection) {
        for subscription in subscriptions { loop.fanout.unsubscribe(subscription) }
        subscriptions.removeAll()
        loop.remove(connection)
    }

    package func handOutRest() -> Int64 {
        subscriptions.reduce(0) { $0 + loop.fanout.handOutRest(to: $1, reason: "server_shutdown") }
    }

    package func connectionBecameWritable(_ connection: any ClientConnection) {
        loop.fanout.receiverBecameWritable(subscriptions: subscriptions)
    }

    package func subscriptionEnded(_ subscription: Subscription) {
        if let index = subscriptions.firstIndex(where: { $0 === subscription }) { subscriptions.remove(at: index) }
        session.subscriptionEnded(at: .now())
    }

    package var idleSince: NIODeadline? { subscriptions.isEmpty ? session.lastActive : nil }

    package func received(binary: ByteBuffer, on connection: any ClientConnection) {}

    package func received(text: ByteBuffer, on connection: any ClientConnection) {
        let context = context(of: connection)
        carryOut(session.received(at: .now(), context) { loop.requests.parse(text) }, context, on: connection)
    }

    private func context(of connection: any ClientConnection) -> SessionContext {
        SessionContext(limits: loop.limits, connection: connection.name, subscriptions: subscriptions.count) { [subscriptions] channel in
            subscriptions.contains { $0.log.name.hasSameBytes(as: channel) }
        }
    }

    private func carryOut(_ actions: [SessionAction], _ context: SessionContext, on connection: any ClientConnection) {
        for action in actions {
            switch action {
            case .send(let message): connection.send(message)
            case .count(let limit): loop.counters.count(limit)
            case .close(let code, let limit, let reason): connection.close(code, over: limit, reason: reason)
            case .unsubscribe(let channel): unsubscribe(channel)
            case .subscribe(let request, let start):
                let outcome = subscribe(connection, to: request.channel, from: start)
                carryOut(request.answer(outcome, context), context, on: connection)
            }
        }
    }

    private func subscribe(
        _ connection: any ClientConnection, to channel: String, from start: StartPosition
    ) -> SubscribeRequest.Outcome {
        if let outcome = misnamed(channel) { return outcome }
        do throws(SubscriptionRefusal) {
            try loop.authorizer.authorize(connection.client.principal, toSubscribeTo: channel)
        } catch {
            return .unauthorized(error)
        }
        let log: ChannelLog
        do throws(RoutingHub.ChannelRefusal) {
            log = try loop.router.openLog(ofChannel: channel) { mayAwait(channel) }
        } catch {
            return switch error {
            case .unknown: .unknown(known: loop.router.channelNames)
            case .clientAwaitsTooMany: .awaitsTooMany(most: loop.limits.maximumAwaitedChannels)
            case .tooManyAwaited(let most): .tooManyAwaited(most: most)
            }
        }
        // The cursor first: who holds the confirmation gets every message from then on. The confirmation still
        // comes before the first message, since passes run on this same event loop.
        if !subscriptions.contains(where: { $0.log === log }) {
            subscriptions.append(loop.fanout.subscribe(connection, to: log, from: start))
        }
        log.unpin()
        return .subscribed
    }

    private func unsubscribe(_ channel: String) {
        guard let index = subscriptions.firstIndex(where: { $0.log.name.hasSameBytes(as: channel) }) else { return }
        loop.fanout.unsubscribe(subscriptions[index])
        subscriptions.remove(at: index)
    }

    /// Names that are meant as patterns would be confirmed and stay silent, because a template could make them.
    private func misnamed(_ channel: String) -> SubscribeRequest.Outcome? {
        let wildcard = ChannelName.wildcard(in: channel)
        guard wildcard != nil || channel.utf8.contains(UInt8(ascii: "{")), loop.router.log(ofChannel: channel) == nil else {
            return nil
        }
        if let wildcard { return .pattern(wildcard: wildcard) }
        return loop.router.channelNames.contains { $0.hasSameBytes(as: channel) } ? .template : nil
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
}
