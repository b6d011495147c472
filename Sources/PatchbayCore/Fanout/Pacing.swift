/// When the next pass over the subscribers may start.
///
/// A pass costs a system call per subscriber whether it carries one message or a hundred, so passing at once on every
/// wake-up saturates both ends with tiny writes. Calm: pass at once. Once a pass costs more than a millisecond, and as
/// long as its writes were small, let a multiple of its cost go by first, so that batches grow instead. Writes
/// that are large already cost by the byte, not by the call, so there waiting would only lose throughput.
public struct Pacing: Sendable, Equatable {
    /// Passes that cost less than this never delay the next one. Nanoseconds.
    public var freeCost: Int64 = 1_000_000
    /// Rest per cost of the last pass, in percent: 85 keeps one event loop near half a core while writes are small.
    public var restPercent: Int64 = 85
    /// Mean bytes per write from which there is no rest. A send of 32 KiB takes about twice the time of an empty one.
    public var efficientWriteBytes: Int = 32 << 10
    /// The longest rest. Nanoseconds.
    public var longestRest: Int64 = 40_000_000

    public init() {}

    /// Nanoseconds to wait after a pass before the next one.
    public func rest(afterCost cost: Int64, writes: Int, bytes: Int) -> Int64 {
        guard cost > freeCost, writes > 0, bytes / writes < efficientWriteBytes else { return 0 }
        return min(cost * restPercent / 100, longestRest)
    }
}
