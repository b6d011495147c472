import NIOCore
import PatchbayAPI
import PatchbayCore
import PatchbayDelivery
import Synchronization

/// Gathers the `/health` report.
///
/// Thread: any.
final class HealthReporter: Sendable {
    /// A wait for event loops is a reason from here on: short ones are how back-pressure works. Milliseconds.
    private static let remarkableWait: Int64 = 5000

    private let maxClients: Int
    private let router: RoutingHub
    private let source: @Sendable () -> SourceHealth
    private let configuration: @Sendable () -> ConfigurationStatus
    private let started = NIODeadline.now()
    private let heartbeats: Heartbeats?
    private let counters: LimitCounters
    private let listener = Mutex<WebSocketListener?>(nil)
    private let leaving = Atomic<Bool>(false)

    init(
        maxClients: Int, router: RoutingHub, source: @escaping @Sendable () -> SourceHealth,
        configuration: @escaping @Sendable () -> ConfigurationStatus, heartbeats: Heartbeats? = nil,
        counters: LimitCounters = LimitCounters()
    ) {
        self.maxClients = maxClients
        self.counters = counters
        self.heartbeats = heartbeats
        self.router = router
        self.source = source
        self.configuration = configuration
    }

    /// Whose clients are counted.
    func observe(_ listener: WebSocketListener) { self.listener.withLock { $0 = listener } }

    /// Says from now on that the server goes away.
    func leave() { leaving.store(true, ordering: .relaxed) }

    private var isLeaving: Bool {
        leaving.load(ordering: .relaxed) || listener.withLock { $0?.isDraining ?? false }
    }

    /// What the listener counts, for `/metrics`.
    func clientSnapshot(_ counters: LimitCounters) -> MetricsCollector.ClientSnapshot {
        let (connections, pending, opened) = listener.withLock {
            ($0?.clientCount ?? 0, $0?.pendingCount ?? 0, $0?.openedCount ?? 0)
        }
        return .init(
            connections: connections, limit: maxClients, pending: pending, opened: opened,
            refusals: counters.snapshot.map { ($0.limit.label, $0.refusals) })
    }

    /// Answers probes; neither walks channels nor waits for an event loop.
    var probes: HealthProbes {
        HealthProbes(
            live: { [self] in .liveness(stuckThreads: (heartbeats?.stuck() ?? []) + source().stuckThreads) },
            ready: { [self] in
                let source = source()
                return .readiness(
                    isAssigned: source.isAssigned, partitionsWithoutPosition: source.partitionsWithoutPosition,
                    isLeaving: isLeaving, isAccepting: listener.withLock { $0?.isAccepting ?? false })
            })
    }

    /// The status alone, for `/metrics`: walks no channels.
    var status: HealthReport.Status {
        let source = source()
        return status(source, reasons: reasons(source))
    }

    private func status(_ source: SourceHealth, reasons: [String]) -> HealthReport.Status {
        !source.failures.isEmpty || isLeaving ? .unavailable : reasons.isEmpty ? .ok : .degraded
    }

    private func reasons(_ source: SourceHealth) -> [String] {
        let clientCount = listener.withLock { $0?.clientCount ?? 0 }
        let table = router.table
        var reasons = source.failures + source.warnings
        if clientCount >= maxClients { reasons.append("the server is full (server.max_clients)") }
        if counters.isShortOfDescriptors() {
            reasons.append(
                "new connections wait, because no file descriptor or no kernel memory is free for them: the log says which; raise the "
                    + "limit on open files (ulimit -n, LimitNOFILE with systemd), or lower server.max_clients")
        }
        let configuration = configuration()
        if let error = configuration.error {
            reasons.append(
                "the changed configuration file, or a changed plugin of it, was rejected; the previous configuration is still active: \(error)"
            )
        }
        if !configuration.restartNeeded.isEmpty {
            reasons.append("changed settings wait for a restart: \(configuration.restartNeeded.joined(separator: ", "))")
        }
        for route in table.routes {
            guard let halt = route.counters.halt else { continue }
            reasons.append("route \(route.name) stopped at \(Self.place(halt)): \(halt.rejection.explanation)")
        }
        for route in table.routes {
            for (use, counters) in route.plugins { PluginHealth.reason(route.name, use, counters.snapshot()).map { reasons.append($0) } }
        }
        for wait in router.roomWaits where wait.milliseconds >= Self.remarkableWait {
            reasons.append(
                "the consumer of cluster \(wait.cluster) has been waiting for \(wait.milliseconds / 1000) s: channel "
                    + "\(wait.channel) holds more than an event loop could deliver")
        }
        let awaited = router.awaitedChannels
        if awaited.count >= awaited.most {
            reasons.append(
                "clients wait for \(awaited.count) channels that no record has made; further subscriptions of that kind are refused "
                    + "(limits.awaited_channels)")
        }
        if isLeaving { reasons.append("the server is shutting down") }
        return reasons
    }

    func report() -> HealthReport {
        let source = source()
        let table = router.table
        let fanout = router.fanoutSnapshot
        let reasons = reasons(source)
        let waits = router.roomWaits
        let made = router.madeChannels
        let slow = router.slowSubscribers
        let now = NIODeadline.now()
        return HealthReport(
            status: status(source, reasons: reasons),
            reasons: reasons,
            notes: source.notes,
            clients: listener.withLock { $0?.clientCount ?? 0 },
            maxClients: maxClients,
            configuration: configuration(),
            channels: router.plainLogs.map { log in
                let figures = log.figures
                return .init(
                    channel: log.name, subscribers: figures.subscribers, messages: figures.messages,
                    dropped: figures.dropped, bytesRetained: figures.bytesRetained)
            },
            routes: table.routes.map { route in
                let figures = route.counters.snapshot
                return .init(
                    route: route.name, recordsIn: figures.recordsIn, recordsRouted: figures.routed,
                    recordsFiltered: figures.filtered, tombstonesIgnored: figures.tombstonesIgnored,
                    recordsHeld: figures.held, recordsAbandoned: figures.abandoned, recordsRejected: figures.rejected,
                    recordsDeadLettered: figures.deadLettered, messages: figures.envelopes,
                    templateChannels: made[ByteString(route.name)] ?? 0, stoppedAt: route.counters.halt.map(Self.place),
                    plugins: PluginHealth.report(route))
            },
            topics: source.topics,
            fanout: .init(
                passes: fanout.passes, writes: fanout.writes, bytesWritten: fanout.bytesWritten,
                deliveries: fanout.deliveries, dropped: fanout.dropped,
                passSeconds: Double(fanout.nanoseconds) / 1e9),
            slow: .init(
                stalled: slow.stalled, losing: slow.losing, furthestBehind: slow.furthestBehind,
                subscriptions: slow.named.map {
                    .init(
                        connection: $0.connection, address: $0.client.address, origin: $0.client.origin,
                        userAgent: $0.client.userAgent, client: $0.client.name, channel: $0.channel, behind: $0.behind,
                        stalledSeconds: Double((now - .uptimeNanoseconds($0.since)).nanoseconds / 1_000_000) / 1e3)
                }),
            waiting: waits.map {
                .init(cluster: $0.cluster, channel: $0.channel, seconds: Double($0.milliseconds) / 1000)
            },
            timestamp: Timestamp.text(Timestamp.nowMilliseconds()),
            uptimeSeconds: Double((now - started).nanoseconds) / 1e9)
    }

    private static func place(_ record: RejectedRecord) -> String {
        "topic \(record.topic), partition \(record.partition), offset \(record.recordOffset)"
    }
}
