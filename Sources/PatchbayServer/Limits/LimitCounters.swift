import Synchronization

/// How often each limit was run into since the start.
///
/// Thread: any.
public final class LimitCounters: Sendable {
    private final class Counter: Sendable {
        let value = Atomic<Int64>(0)
    }

    private let counters = Limit.allCases.map { _ in Counter() }

    init() {}

    func count(_ limit: Limit) { counters[limit.rawValue].value.wrappingAdd(1, ordering: .relaxed) }

    /// One figure per limit, in the order of the table, zeros included.
    public var snapshot: [(limit: Limit, refusals: Int64)] {
        Limit.allCases.map { ($0, counters[$0.rawValue].value.load(ordering: .relaxed)) }
    }
}
