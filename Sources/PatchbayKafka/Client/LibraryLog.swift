import CLibRDKafka
import Logging
import Synchronization

/// Carries librdkafka's log lines to swift-log at levels that fit a service, without a flood.
///
/// Connection failures of single brokers are `debug`: librdkafka repeats them at every attempt, and what matters to an
/// operator, that all brokers are away or back, is said once by the client that owns this log.
///
/// Thread: any.
final class LibraryLog: Sendable {
    private let logger: Logger
    private let limits = Mutex<[String: OncePerInterval]>([:])

    init(_ logger: Logger) { self.logger = logger }

    /// Whether debug lines of librdkafka's would be written.
    var takesDebug: Bool { logger.logLevel <= .trace }

    /// - Parameters:
    ///   - severity: syslog's 0 (emergency) to 7 (debug).
    ///   - facility: librdkafka's short word for the place, such as `FAIL`.
    func write(severity: Int32, facility: String, text: String) {
        let level = Self.level(severity: severity, facility: facility)
        guard level >= logger.logLevel else { return }
        let suppressed = limits.withLock { limits in
            // librdkafka has a few dozen facilities; the bound is for the day that changes.
            if limits.count > 256 { limits.removeAll() }
            return limits[facility, default: OncePerInterval(every: .seconds(1))].admit(at: .now)
        }
        guard let suppressed else { return }
        var metadata: Logger.Metadata = ["facility": "\(facility)"]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, "librdkafka: \(text)", metadata: metadata)
    }

    static func level(severity: Int32, facility: String) -> Logger.Level {
        switch (severity, facility) {
        // AUTOCREATE: said to brokers that can't be told not to create topics, which only the embedded one still is.
        // OFFSET: that a position was out of range, which the consumer tells together with what it means.
        case (_, "FAIL"), (_, "ERROR"), (_, "REQTMOUT"), (_, "AUTOCREATE"), (_, "OFFSET"): .debug
        case (...2, _): .error
        case (...4, _): .warning
        case (...6, _): .debug
        default: .trace
        }
    }
}

/// Lets one event through per interval and counts the others.
struct OncePerInterval {
    let interval: Duration
    private var last: ContinuousClock.Instant?
    private var suppressed = 0

    init(every interval: Duration) { self.interval = interval }

    /// `nil` to stay silent; otherwise how many were silenced since the last one that got through.
    mutating func admit(at now: ContinuousClock.Instant) -> Int? {
        if let last, now - last < interval {
            suppressed += 1
            return nil
        }
        defer { suppressed = 0 }
        last = now
        return suppressed
    }
}
