import Logging
import PatchbayConfig
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import PatchbaySettings
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Watches lag and assignments, and tells somebody.
///
/// Thread: any.
final class Alerting: Sendable {
    private let board: AlertBoard
    private let webhook: Webhook?
    /// Those of the start, thresholds aside.
    private let monitored: AlertSettings
    private let thresholds: Mutex<AlertSettings>
    private let consumers: ClusterConsumers

    init(
        _ settings: AlertSettings, consumers: ClusterConsumers, http: OutgoingHTTP, version: String, logger: Logger
    ) {
        self.consumers = consumers
        thresholds = Mutex(settings)
        monitored = settings
        webhook = settings.webhook.flatMap { target in
            do throws(WebhookProblem) {
                let target = try WebhookTarget(url: target.url, headers: target.headers.map { ($0.key, $0.value) })
                return Webhook(
                    target: target, node: settings.node ?? Self.hostName, http: http, version: version, logger: logger)
            } catch {
                // The file was checked for this.
                logger.error("alerts can't be sent", metadata: ["reason": "\(error)"])
                return nil
            }
        }
        board = AlertBoard(webhook: webhook, logger: logger)
    }

    /// Takes up the thresholds of another configuration.
    func update(_ settings: AlertSettings) { thresholds.withLock { $0 = settings } }

    /// Watches until the task is cancelled.
    func run() async {
        webhook?.start()
        await AlertLoop(settings: monitored, board: board) { [self] in measure() }.run()
    }

    /// Gives the webhook a last, short chance.
    func stop() async { await webhook?.stop() }

    /// Sentences about the alerts that are on.
    var reasons: [String] { board.reasons }

    var figures: AlertSnapshot {
        let counters = webhook?.counters
        return AlertSnapshot(
            active: board.active.map { ($0.kind.rawValue, $0.cluster, $0.topic) },
            webhookSent: Int64(counters?.sent ?? 0), webhookFailed: Int64(counters?.failedAttempts ?? 0),
            webhookDropped: Int64(counters?.dropped ?? 0))
    }

    private func measure() -> [TopicMeasurement] {
        let settings = thresholds.withLock { $0 }
        return consumers.statuses.flatMap { cluster, status in
            status.topics.map { topic in
                let lags = topic.assigned.map(\.lag)
                let known = lags.compactMap { $0 }
                return TopicMeasurement(
                    cluster: cluster, topic: topic.topic,
                    lag: lags.isEmpty || known.count < lags.count ? nil : known.reduce(0, +),
                    partitionsAssigned: topic.assigned.count, partitionsTotal: topic.partitionCount,
                    threshold: settings.threshold(ofTopic: topic.topic),
                    consumption: status.state == .consuming
                        ? .consuming : status.state == .waitingForAssignment ? .waitingForAssignment : .unavailable)
            }
        }
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "patchbay" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
