import Synchronization

/// What one event loop's fan-out has done since the start. Written once per pass, read from anywhere.
public final class FanoutCounters: Sendable {
    private let passes = Atomic<Int64>(0)
    private let writes = Atomic<Int64>(0)
    private let bytesWritten = Atomic<Int64>(0)
    private let deliveries = Atomic<Int64>(0)
    private let dropped = Atomic<Int64>(0)
    private let overrun = Atomic<Int64>(0)
    private let nanoseconds = Atomic<Int64>(0)
    /// Seconds from a record's timestamp to its socket write, per delivery.
    public let deliveryDelay = Histogram(bounds: HistogramBounds.delay)
    /// Seconds that passes take.
    public let passDuration = Histogram(bounds: HistogramBounds.pass)

    /// A copy of the counters at one moment.
    public struct Snapshot: Sendable, Equatable {
        /// Walks over subscribers with news.
        public var passes: Int64 = 0
        /// Subscribers that were handed something in a pass, so about the number of system calls.
        public var writes: Int64 = 0
        public var bytesWritten: Int64 = 0
        /// Messages handed to subscribers.
        public var deliveries: Int64 = 0
        /// Messages dropped for subscribers, whatever the reason.
        public var dropped: Int64 = 0
        /// Those of them that were dropped because the server itself could not keep up.
        public var overrun: Int64 = 0
        /// Time spent in passes.
        public var nanoseconds: Int64 = 0

        public init() {}

        public static func + (left: Snapshot, right: Snapshot) -> Snapshot {
            var sum = left
            sum.passes += right.passes
            sum.writes += right.writes
            sum.bytesWritten += right.bytesWritten
            sum.deliveries += right.deliveries
            sum.dropped += right.dropped
            sum.overrun += right.overrun
            sum.nanoseconds += right.nanoseconds
            return sum
        }
    }

    func add(_ pass: Snapshot) {
        passes.wrappingAdd(pass.passes, ordering: .relaxed)
        writes.wrappingAdd(pass.writes, ordering: .relaxed)
        bytesWritten.wrappingAdd(pass.bytesWritten, ordering: .relaxed)
        deliveries.wrappingAdd(pass.deliveries, ordering: .relaxed)
        dropped.wrappingAdd(pass.dropped, ordering: .relaxed)
        overrun.wrappingAdd(pass.overrun, ordering: .relaxed)
        nanoseconds.wrappingAdd(pass.nanoseconds, ordering: .relaxed)
    }

    public var snapshot: Snapshot {
        var copy = Snapshot()
        copy.passes = passes.load(ordering: .relaxed)
        copy.writes = writes.load(ordering: .relaxed)
        copy.bytesWritten = bytesWritten.load(ordering: .relaxed)
        copy.deliveries = deliveries.load(ordering: .relaxed)
        copy.dropped = dropped.load(ordering: .relaxed)
        copy.overrun = overrun.load(ordering: .relaxed)
        copy.nanoseconds = nanoseconds.load(ordering: .relaxed)
        return copy
    }
}
