import Foundation
import Logging
import PatchbaySettings
import Synchronization

@testable import PatchbayRuntime

extension TopicMeasurement {
    static func make(
        cluster: String = "main", topic: String = "trades", lag: Int64? = 0, assigned: Int = 3, total: Int? = 3,
        threshold: Int64? = 1000, _ consumption: Consumption = .consuming
    ) -> TopicMeasurement {
        TopicMeasurement(
            cluster: cluster, topic: topic, lag: lag, partitionsAssigned: assigned, partitionsTotal: total,
            threshold: threshold, consumption: consumption)
    }
}

extension Alert {
    static func make(
        _ kind: Kind = .lag, topic: String = "trades", lag: Int64 = 2000, since: Int64 = 1_769_860_800_000
    ) -> Alert {
        Alert(
            subject: .init(kind: kind, cluster: "main", topic: topic), measured: .make(topic: topic, lag: lag),
            sinceMilliseconds: since)
    }
}

extension AlertEvent {
    static func end(_ alert: Alert) -> AlertEvent {
        .ended(alert, atMilliseconds: alert.sinceMilliseconds + 90_000, duration: .seconds(90))
    }

    /// `started`, `updated` or `ended`, and of what.
    var word: String {
        switch self {
        case .started(let alert): "started \(alert.kind.rawValue) \(alert.topic)"
        case .updated(let alert): "updated \(alert.kind.rawValue) \(alert.topic)"
        case .ended(let alert, _, _): "ended \(alert.kind.rawValue) \(alert.topic)"
        }
    }
}

/// A monitor with a clock that only tests move.
struct MonitorFixture {
    var monitor: LagMonitor
    var now = ContinuousClock.now
    var wall: Int64 = 1_769_860_800_000

    init(_ settings: AlertSettings = AlertSettings()) { monitor = LagMonitor(settings: settings) }

    /// Evaluates, and then lets the time pass.
    mutating func events(_ measurements: TopicMeasurement..., then interval: Duration = .seconds(1)) -> [AlertEvent] {
        defer {
            now += interval
            wall += Int64(interval / .milliseconds(1))
        }
        return monitor.evaluate(measurements, now: now, wallMilliseconds: wall)
    }
}

/// A logger whose lines a test can read.
final class CapturedLog: Sendable {
    private let storage = Mutex<[String]>([])

    /// `level message key=value …`, keys sorted.
    var lines: [String] { storage.withLock { $0 } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()
        var metadataProvider: Logger.MetadataProvider?

        init(log: CapturedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            log.storage.withLock { $0.append("\(event.level) \(event.message)\(pairs)") }
        }
    }
}

extension AlertSettings {
    static func with(
        lagFor: Duration = .seconds(5), settling: Duration = .seconds(30), watchesAssignment: Bool = true
    ) -> AlertSettings {
        var settings = AlertSettings()
        settings.lagFor = lagFor
        settings.settling = settling
        settings.watchesAssignment = watchesAssignment
        return settings
    }
}
