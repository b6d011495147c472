import NIOCore

/// How often something may happen on one connection, and when to lose patience with a client that keeps on: a token
/// bucket, shared by all connections. What each one has used of it is in its `RateMeter`.
struct RequestRate: Sendable, Equatable {
    /// Refusals are counted over this time. Nanoseconds.
    static let window: Int64 = 10_000_000_000
    /// A client that is not refused for this long starts again from zero. Nanoseconds.
    static let quietTime: Int64 = 1_000_000_000
    /// Nobody loses patience before this many refusals, however small the bucket.
    static let leastPatience = 100

    /// One token comes back in this time. Nanoseconds.
    let interval: Int64
    /// How far ahead of its pace a connection may be. Nanoseconds.
    let tolerance: Int64
    /// More refusals than this within `window`, without a quiet time, are a flood.
    let patience: Int

    /// - Parameters:
    ///   - rate: per second, on average; 0 is no limit.
    ///   - burst: at once, after a pause; at least 1.
    init?(perSecond rate: Int, burst: Int) {
        guard rate > 0 else { return nil }
        let burst = min(max(burst, 1), 1_000_000)
        interval = max(1, 1_000_000_000 / Int64(rate))
        tolerance = Int64(burst - 1) * interval
        patience = max(Self.leastPatience, 2 * burst)
    }
}

/// What one connection has used of a `RateLimit`. No clock of its own: time comes with each question.
struct RateMeter {
    enum Verdict: Equatable {
        case admitted
        case refused
        /// Refused, and the client has been at it for too long.
        case flooding
    }

    // The bucket as one number (a generic cell rate algorithm): the time at which it will be full again. Connections
    // come by the ten thousand.
    private var fullAt: Int64 = 0
    /// `nil` for as long as everything was admitted.
    private var refusals: Refusals?

    private final class Refusals {
        var first: Int64 = 0
        var last: Int64 = 0
        var count = 0
    }

    mutating func admit(at now: NIODeadline, within limit: RequestRate) -> Verdict {
        let now = Int64(clamping: now.uptimeNanoseconds)
        let due = max(fullAt, now)
        if due - now <= limit.tolerance {
            fullAt = due + limit.interval
            return .admitted
        }
        let refusals = self.refusals ?? Refusals()
        self.refusals = refusals
        if refusals.count == 0 || now - refusals.last >= RequestRate.quietTime || now - refusals.first >= RequestRate.window {
            refusals.first = now
            refusals.count = 0
        }
        refusals.last = now
        refusals.count += 1
        return refusals.count > limit.patience ? .flooding : .refused
    }
}
