public import PatchbayAPI

/// A record that was refused, with its coordinates: what a log line or a dead letter needs.
public struct RejectedRecord: Sendable, Equatable {
    public let route: String
    public let topic: String
    public let partition: Int32
    public let recordOffset: Int64
    public let rejection: Rejection
    /// Refusals on this route, with the same code, since the last report that were counted but not reported.
    public internal(set) var unreported: Int
}

/// Takes rate-limited reports of refused records.
///
/// Thread: consumer.
public typealias RejectionObserver = @Sendable (RejectedRecord) -> Void

/// Lets one report through per interval and counts the others.
struct ReportLimiter {
    /// At most one report per route in this time. Milliseconds.
    static let interval: Int64 = 1000

    private var nextAt: Int64 = .min

    /// Whether a report may go out now.
    ///
    /// - Parameter now: milliseconds of the monotonic clock: with the wall clock, one set back a day ends reports for a day.
    mutating func admit(monotonicMilliseconds now: Int64) -> Bool {
        guard now >= nextAt else { return false }
        nextAt = now + Self.interval
        return true
    }
}
