/// Exponential back-off with jitter: the n-th delay is drawn evenly from the upper half of `min(first × 2ⁿ, longest)`.
struct RetryDelay: Sendable {
    private let first: Duration
    private let longest: Duration
    private var ceiling: Duration

    init(first: Duration, longest: Duration) {
        self.first = max(.milliseconds(1), first)
        self.longest = max(self.first, longest)
        ceiling = self.first
    }

    /// - Parameter random: in 0..<1.
    mutating func next(random: Double) -> Duration {
        defer { ceiling = min(ceiling * 2, longest) }
        return ceiling / 2 + ceiling / 2 * min(max(random, 0), 1)
    }

    /// After a success: the next delay is the shortest again.
    mutating func reset() { ceiling = first }
}
