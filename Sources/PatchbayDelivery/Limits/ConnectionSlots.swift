import Synchronization

/// A number of places of which each may be taken once. Exact, also when several ask at the same time.
///
/// Thread: any.
package final class ConnectionSlots: Sendable {
    private let most: Int
    private let count = Atomic<Int>(0)

    /// - Parameter most: 0 is no limit.
    package init(most: Int) { self.most = most > 0 ? most : .max }

    /// ConnectionSlots taken now.
    var taken: Int { count.load(ordering: .relaxed) }

    /// Takes a place; `false` when all are taken.
    package func reserve() -> Bool {
        var current = count.load(ordering: .relaxed)
        while current < most {
            // Not add and look: at the limit two who come at the same time would both be turned away.
            let (exchanged, original) = count.weakCompareExchange(
                expected: current, desired: current + 1, ordering: .relaxed)
            if exchanged { return true }
            current = original
        }
        return false
    }

    package func release() { count.wrappingSubtract(1, ordering: .relaxed) }
}
