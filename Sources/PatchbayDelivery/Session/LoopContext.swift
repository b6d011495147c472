package import NIOCore
package import PatchbayCore
import PatchbayJSON

/// What all connections of one event loop share.
///
/// Thread: loop.
package final class LoopContext {
    let fanout: Fanout
    let router: RoutingHub
    /// Parses clients' requests; one is enough, since a request is handled before the next one is looked at.
    let requests: RequestParser
    let limits: SessionLimits
    let counters: LimitCounters
    let authorizer: any Authorizer
    private let pingInterval: TimeAmount
    private(set) var connections: [any ClientConnection] = []
    private var trim = HeapTrim()
    /// Those that were closed by a drain.
    private var drained: Set<ObjectIdentifier> = []

    /// Connections that one tick may ping, so that a crowd that arrived together doesn't hold up the loop.
    static let pingsPerTick = 2000
    /// How often a connection is looked at in one ping interval, and in one idle timeout.
    private static let ticksPerInterval: Int64 = 10

    package init(
        fanout: Fanout, router: RoutingHub, pingInterval: TimeAmount, limits: SessionLimits, counters: LimitCounters,
        authorizer: any Authorizer = AnonymousAuthorizer()
    ) {
        self.fanout = fanout
        self.router = router
        self.requests = RequestParser()
        self.pingInterval = pingInterval
        self.limits = limits
        self.counters = counters
        self.authorizer = authorizer
    }

    func add(_ connection: any ClientConnection) {
        connection.registryIndex = connections.count
        connections.append(connection)
        trim.connectionOpened()
    }

    func remove(_ connection: any ClientConnection) {
        let index = connection.registryIndex
        guard index >= 0, index < connections.count, connections[index] === connection else { return }
        connections.swapAt(index, connections.count - 1)
        connections[index].registryIndex = index
        connections.removeLast()
        connection.registryIndex = -1
    }

    /// Starts pinging, looking for clients that don't read, and giving back what a crowd of newcomers leaves behind. One timer per
    /// loop: a timer per connection would cost more memory than all else a quiet connection needs.
    package func startKeepAlive() {
        let bound = NIOLoopBound(self, eventLoop: fanout.eventLoop)
        fanout.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.fanout.lookForSlowSubscribers()
            if bound.value.trim.isDue() { HeapTrim.run() }
        }
        repeatedly(pingInterval) { $0.checkConnections() }
        if limits.idleTimeout > .zero { repeatedly(limits.idleTimeout) { $0.closeIdle() } }
    }

    /// Does something ten times in an interval.
    private func repeatedly(_ interval: TimeAmount, _ body: @escaping @Sendable (LoopContext) -> Void) {
        let tick = TimeAmount.nanoseconds(max(interval.nanoseconds / Self.ticksPerInterval, 5_000_000))
        // Lives as long as the event loop, which cancels it when it ends.
        let bound = NIOLoopBound(self, eventLoop: fanout.eventLoop)
        fanout.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in body(bound.value) }
    }

    /// What one round of a drain came to.
    package struct DrainRound: Sendable {
        /// Clients that were left for later.
        package var waiting = 0
        /// Clients that were closed before they had everything.
        package var cutShort = 0
        /// Messages that those don't get.
        package var lost: Int64 = 0

        package init(waiting: Int = 0, cutShort: Int = 0, lost: Int64 = 0) {
            self.waiting = waiting
            self.cutShort = cutShort
            self.lost = lost
        }

        package static func + (one: DrainRound, other: DrainRound) -> DrainRound {
            DrainRound(
                waiting: one.waiting + other.waiting, cutShort: one.cutShort + other.cutShort, lost: one.lost + other.lost)
        }
    }

    /// Hands out what is in the logs and sends `server_shutdown` to those that have all of it. To be called again while
    /// some are left.
    ///
    /// - Parameter sparingFullSockets: whether those whose sockets are full are left for later, so that they get the rest.
    ///   If not, they are told what they miss.
    package func drain(_ reconnects: ReconnectSpread, sparingFullSockets: Bool) -> DrainRound {
        fanout.passNow()
        var generator = SystemRandomNumberGenerator()
        var round = DrainRound()
        // A copy: a connection that is closed here may leave the list at once.
        let leaving = connections
        for (index, connection) in leaving.enumerated() where !drained.contains(ObjectIdentifier(connection)) {
            if sparingFullSockets, connection.isSocketFull {
                round.waiting += 1
                continue
            }
            drained.insert(ObjectIdentifier(connection))
            let lost = connection.handOutRest()
            if lost > 0 {
                round.cutShort += 1
                round.lost += lost
            }
            let time = reconnects.milliseconds(forClient: index, of: leaving.count, using: &generator)
            connection.send(.serverShutdown(reconnectAfterMilliseconds: Int64(time)))
            connection.close(.goingAway)
        }
        return round
    }

    private func closeIdle() {
        let now = NIODeadline.now()
        // Backwards, because a connection that is closed here may leave the list at once.
        for connection in connections.reversed() {
            if let since = connection.idleSince, now - since >= limits.idleTimeout {
                connection.close(.idle, over: .idleTime)
            }
        }
    }

    private func checkConnections() {
        let now = NIODeadline.now()
        var pinged = 0
        // At least as many as keep up with all of them within an interval.
        let most = max(Self.pingsPerTick, connections.count * 2 / Int(Self.ticksPerInterval))
        // Backwards, because a connection that is closed here may leave the list at once.
        for connection in connections.reversed() {
            switch connection.keepAlive(now: now, interval: pingInterval) {
            case .nothing: break
            case .giveUp: connection.close(.pingTimeout)
            case .ping:
                connection.ping(now: now)
                pinged += 1
                if pinged == most { return }
            }
        }
    }
}
