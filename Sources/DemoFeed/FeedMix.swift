/// How many records of each kind a feed gives. Values below 1 count as 1.
public struct FeedMix: Sendable, Equatable {
    /// Tokens launched before the first trade.
    public let initialTokens: Int
    /// Tokens that trade at most. When another is launched beyond that, the oldest one stops trading.
    public let maximumTokens: Int
    /// Trades from one launch to the next.
    public let tradesPerLaunch: Int
    /// Aggregates of all tokens that have traded since are given after this many milliseconds …
    public let aggregateIntervalMilliseconds: Int64
    /// … or after this many trades, whichever comes first.
    public let tradesPerAggregates: Int

    public init(
        initialTokens: Int = 12,
        maximumTokens: Int = 48,
        tradesPerLaunch: Int = 500,
        aggregateIntervalMilliseconds: Int64 = 1_000,
        tradesPerAggregates: Int = 500
    ) {
        self.initialTokens = max(initialTokens, 1)
        self.maximumTokens = max(maximumTokens, self.initialTokens)
        self.tradesPerLaunch = max(tradesPerLaunch, 1)
        self.aggregateIntervalMilliseconds = max(aggregateIntervalMilliseconds, 1)
        self.tradesPerAggregates = max(tradesPerAggregates, 1)
    }
}
