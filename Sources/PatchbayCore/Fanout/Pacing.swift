/// When the next pass over the subscribers may start.
///
/// A pass costs a system call per subscriber whether it carries one message or a hundred, so passing at once on every
/// wake-up saturates both ends with tiny writes. Calm: pass at once. Once a pass costs more than a millisecond, and as
/// long as its writes were small, let a share of its cost go by first, so that writes grow instead. Writes
/// that are large already cost by the byte, not by the call, so there waiting would only lose throughput.
///
/// A rest must be earned: it is shortened to the share of messages that travelled with another one. Where every subscriber gets
/// one message now and then, as on many channels with a few subscribers each, a longer rest makes no write larger and only delays.
public struct Pacing: Sendable, Equatable {
    /// Passes that cost less than this never delay the next one. Nanoseconds.
    public var freeCost: Int64 = 1_000_000
    /// Rest per cost of the last pass, in percent, when nearly all messages travel with others: 85 keeps one event loop near half a core
    /// while writes are small.
    public var restPercent: Int64 = 85
    /// Mean bytes per write from which there is no rest. A send of 32 KiB takes about twice the time of an empty one.
    public var efficientWriteBytes: Int = 32 << 10
    /// The longest rest. Nanoseconds.
    public var longestRest: Int64 = 40_000_000

    public init() {}

    /// Nanoseconds to wait after a pass before the next one.
    ///
    /// - Parameter writes: connections that were handed `messages` messages of `bytes` bytes, all of them together.
    public func rest(afterCost cost: Int64, writes: Int, messages: Int, bytes: Int) -> Int64 {
        guard cost > freeCost, writes > 0, messages > writes, bytes / writes < efficientWriteBytes else { return 0 }
        let earned = cost * restPercent / 100 * Int64(messages - writes) / Int64(messages)
        return min(earned, longestRest)
    }
}
