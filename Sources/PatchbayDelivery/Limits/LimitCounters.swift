package import NIOCore
import Synchronization

/// How often each limit was run into since the start.
///
/// Thread: any.
public final class LimitCounters: Sendable {
    private final class Counter: Sendable {
        let value = Atomic<Int64>(0)
    }

    private let counters = Limit.allCases.map { _ in Counter() }

    /// When accepting last paused, nanoseconds of the monotonic clock; 0 before it ever did.
    private let lastPause = Atomic<UInt64>(0)
    /// For how long a pause is news: accepting looks for a descriptor again after a tenth of a second.
    private static let pauseMemory = TimeAmount.seconds(5)

    public init() {}

    /// Accepting pauses because no file descriptor is free.
    func countPause(at now: NIODeadline) {
        count(.descriptors)
        lastPause.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    /// Whether accepting paused in the last five seconds.
    package func isShortOfDescriptors(at now: NIODeadline = .now()) -> Bool {
        let last = lastPause.load(ordering: .relaxed)
        return last > 0 && now - .uptimeNanoseconds(last) < Self.pauseMemory
    }

    package func count(_ limit: Limit) { counters[limit.rawValue].value.wrappingAdd(1, ordering: .relaxed) }

    /// One figure per limit, in the order of the table, zeros included.
    public var snapshot: [(limit: Limit, refusals: Int64)] {
        Limit.allCases.map { ($0, counters[$0.rawValue].value.load(ordering: .relaxed)) }
    }
}
