import NIOCore
import PatchbayCore
import Synchronization

/// Gathers the `/health` report.
///
/// Thread: any.
final class HealthReporter: Sendable {
    private let maxClients: Int
    private let router: Router
    private let source: @Sendable () -> SourceHealth
    private let started = NIODeadline.now()
    private let listener = Mutex<WebSocketListener?>(nil)

    init(maxClients: Int, router: Router, source: @escaping @Sendable () -> SourceHealth) {
        self.maxClients = maxClients
        self.router = router
        self.source = source
    }

    /// Whose clients are counted.
    func observe(_ listener: WebSocketListener) { self.listener.withLock { $0 = listener } }

    func report() -> HealthReport {
        let (clientCount, isDraining) = listener.withLock { ($0?.clientCount ?? 0, $0?.isDraining ?? false) }
        let source = source()
        let table = router.table
        let fanout = router.fanoutFigures
        var reasons = source.failures + source.warnings
        if clientCount >= maxClients { reasons.append("all places for clients are taken (max_clients)") }
        if isDraining { reasons.append("the server is shutting down") }
        return HealthReport(
            status: !source.failures.isEmpty || isDraining ? .unavailable : reasons.isEmpty ? .ok : .degraded,
            reasons: reasons,
            clients: clientCount,
            maxClients: maxClients,
            generation: table.generation,
            channels: table.logs.values.sorted { $0.name < $1.name }.map { log in
                let figures = log.figures
                return .init(
                    channel: log.name, subscribers: figures.subscribers, messages: figures.messages,
                    dropped: figures.dropped, bytesRetained: figures.bytesRetained)
            },
            routes: table.routes.map { route in
                let figures = route.counters.snapshot
                return .init(
                    route: route.name, recordsIn: figures.recordsIn, recordsRouted: figures.routed,
                    recordsFiltered: figures.filtered, recordsRejected: figures.rejected, messages: figures.envelopes)
            },
            topics: source.topics,
            fanout: .init(
                passes: fanout.passes, writes: fanout.writes, bytesWritten: fanout.bytesWritten,
                deliveries: fanout.deliveries, dropped: fanout.dropped,
                passSeconds: Double(fanout.nanoseconds) / 1e9),
            timestamp: Timestamp.text(Timestamp.nowMilliseconds()),
            uptimeSeconds: Double((NIODeadline.now() - started).nanoseconds) / 1e9)
    }
}
