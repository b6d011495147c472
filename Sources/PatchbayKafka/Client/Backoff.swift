/// Exponential back-off with jitter: how long to wait before trying again.
///
/// The n-th delay is drawn evenly from the upper half of `min(base × 2ⁿ, maximum)`, so that many instances which lost
/// the same broker don't come back in step, and none of them comes back at once.
public struct Backoff: Sendable {
    /// Ceiling of the first delay, milliseconds, at least 1.
    public let baseMilliseconds: Int
    /// Ceiling of every delay, milliseconds, at least the base.
    public let maximumMilliseconds: Int
    private var ceiling: Int

    public init(baseMilliseconds: Int = 100, maximumMilliseconds: Int = 10_000) {
        self.baseMilliseconds = max(1, baseMilliseconds)
        self.maximumMilliseconds = max(self.baseMilliseconds, maximumMilliseconds)
        self.ceiling = self.baseMilliseconds
    }

    /// The next delay in milliseconds.
    ///
    /// - Parameter random: a number in 0..<1; injected so that tests need no luck.
    public mutating func next(random: () -> Double) -> Int {
        let half = Double(ceiling) / 2
        let delay = half + half * min(max(random(), 0), 1)
        let (doubled, overflow) = ceiling.multipliedReportingOverflow(by: 2)
        ceiling = overflow ? maximumMilliseconds : min(doubled, maximumMilliseconds)
        return max(1, Int(delay.rounded()))
    }

    /// After a success: the next delay is the shortest again.
    public mutating func reset() { ceiling = baseMilliseconds }
}
