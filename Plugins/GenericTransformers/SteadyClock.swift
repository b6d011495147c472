/// Time that doesn't jump when the clock is set, for what a step remembers. Read once per batch.
struct SteadyClock: Sendable {
    /// Milliseconds since some moment.
    let now: @Sendable () -> Int64

    init(_ now: @escaping @Sendable () -> Int64) { self.now = now }

    static let system: SteadyClock = {
        let start = ContinuousClock.now
        return SteadyClock { Int64((ContinuousClock.now - start) / .milliseconds(1)) }
    }()
}
