import Logging
import PatchbayCore
import Synchronization

/// The alerts that hold now, for `/health` and metrics; says in the log and to the webhook when one starts or ends.
///
/// Thread: any; `take` one at a time, so that a start comes before its end.
final class AlertBoard: Sendable {
    private struct State {
        var active: [String: Alert] = [:]
        var started: [Alert.Kind: UInt64] = [:]
    }

    private let logger: Logger
    private let webhook: Webhook?
    private let state = Mutex(State())

    init(webhook: Webhook? = nil, logger: Logger) {
        self.webhook = webhook
        self.logger = logger
    }

    /// The oldest first.
    var active: [Alert] {
        state.withLock { Array($0.active.values) }.sorted { ($0.sinceMilliseconds, $0.id) < ($1.sinceMilliseconds, $1.id) }
    }

    /// One sentence per alert, the oldest first, for `/health`.
    var reasons: [String] { active.map { "\($0.standing), since \(Timestamp.text($0.sinceMilliseconds))" } }

    /// How many alerts of a kind have started since the process did.
    func started(_ kind: Alert.Kind) -> UInt64 { state.withLock { $0.started[kind] ?? 0 } }

    /// Takes what a `LagMonitor` decided.
    func take(_ events: [AlertEvent]) {
        for event in events {
            let alert = event.alert
            state.withLock { state in
                switch event {
                case .started:
                    state.active[alert.id] = alert
                    state.started[alert.kind, default: 0] += 1
                case .updated: state.active[alert.id] = alert
                case .ended: state.active[alert.id] = nil
                }
            }
            log(event)
            webhook?.post(event)
        }
    }

    private func log(_ event: AlertEvent) {
        let alert = event.alert
        var metadata: Logger.Metadata = [
            "alert": "\(alert.kind.rawValue)", "cluster": "\(alert.cluster)", "topic": "\(alert.topic)",
            "since": "\(Timestamp.text(alert.sinceMilliseconds))",
        ]
        switch alert.kind {
        case .lag:
            if let lag = alert.lag { metadata["lag"] = .stringConvertible(lag) }
            if let threshold = alert.threshold { metadata["threshold"] = .stringConvertible(threshold) }
        case .partialAssignment:
            metadata["partitions_assigned"] = .stringConvertible(alert.partitionsAssigned)
            if let total = alert.partitionsTotal { metadata["partitions_total"] = .stringConvertible(total) }
        }
        switch event {
        case .started: logger.warning("alert started", metadata: metadata)
        case .updated: break
        case .ended(_, _, let duration):
            metadata["duration_s"] = .stringConvertible(duration.components.seconds)
            if alert.kind == .lag, let peak = alert.peakLag { metadata["peak_lag"] = .stringConvertible(peak) }
            logger.notice("alert ended", metadata: metadata)
        }
    }
}
