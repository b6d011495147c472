/// An endless market: token launches, trades whose prices walk, and aggregates computed from exactly those trades.
///
/// Deterministic: the same seed, mix and times give the same records, byte for byte, on every machine; all amounts are
/// integers for that reason. Memory is bounded by `FeedMix.maximumTokens`.
///
/// Thread: any, one at a time.
public struct MarketFeed: Sendable {
    private let mix: FeedMix
    private var random: SplitMix64
    private var names: TokenNames
    private let wallets: [[UInt8]]
    private var tokens: [FeedToken] = []
    private var launches = 0
    private var tradesSinceLaunch = 0
    private var tradesSinceAggregates = 0
    private var lastAggregatesMilliseconds: Int64?
    /// Indices of the tokens whose aggregates are still to be given, the next one last.
    private var waiting: [Int] = []
    private var nowMilliseconds: Int64 = 0

    public init(seed: UInt64, mix: FeedMix = FeedMix()) {
        var random = SplitMix64(seed: seed)
        self.mix = mix
        self.names = TokenNames(&random)
        self.wallets = (0..<400).map { _ in FeedText.hexadecimal(digits: 40, &random) }
        self.random = random
    }

    /// The next record, as of this time.
    ///
    /// - Parameter nowMilliseconds: since 1970-01-01T00:00:00Z. Time doesn't run backwards in a market: an earlier time
    ///   than that of the last call counts as that one. Times beyond the year 9999 count as its end.
    public mutating func next(nowMilliseconds: Int64) -> FeedRecord {
        self.nowMilliseconds = max(self.nowMilliseconds, min(nowMilliseconds, FeedText.latestMilliseconds))
        if launches < mix.initialTokens || tradesSinceLaunch >= mix.tradesPerLaunch { return launch() }
        scheduleAggregates()
        if let index = waiting.popLast() { return aggregate(index) }
        return trade()
    }

    private mutating func launch() -> FeedRecord {
        tradesSinceLaunch = 0
        launches += 1
        let token = FeedToken(named: names.next(), atMilliseconds: nowMilliseconds, &random)
        if tokens.count < mix.maximumTokens {
            tokens.append(token)
        } else {
            // No aggregate is waiting now: they are all given before the next trade, and launches follow trades.
            tokens[(launches - 1) % mix.maximumTokens] = token
        }
        return FeedRecord(kind: .token, key: token.address, json: FeedText.token(token))
    }

    private mutating func trade() -> FeedRecord {
        tradesSinceLaunch += 1
        tradesSinceAggregates += 1
        // Some tokens are more popular than others: the smaller of two draws.
        let index = min(Int.random(in: tokens.indices, using: &random), Int.random(in: tokens.indices, using: &random))
        let wallet = wallets[Int.random(in: wallets.indices, using: &random)]
        let trade = tokens[index].trade(by: wallet, atMilliseconds: nowMilliseconds, &random)
        return FeedRecord(kind: .trade, key: tokens[index].address, json: FeedText.trade(trade, of: tokens[index]))
    }

    private mutating func scheduleAggregates() {
        let last = lastAggregatesMilliseconds ?? nowMilliseconds
        if lastAggregatesMilliseconds == nil { lastAggregatesMilliseconds = nowMilliseconds }
        let isDue =
            nowMilliseconds - last >= mix.aggregateIntervalMilliseconds
            || tradesSinceAggregates >= mix.tradesPerAggregates
        guard isDue, waiting.isEmpty else { return }
        lastAggregatesMilliseconds = nowMilliseconds
        tradesSinceAggregates = 0
        waiting = tokens.indices.reversed().filter { tokens[$0].hasNewTrades }
    }

    private mutating func aggregate(_ index: Int) -> FeedRecord {
        tokens[index].hasNewTrades = false
        for window in tokens[index].windows.indices {
            tokens[index].windows[window].advance(
                toMilliseconds: nowMilliseconds, lastPrice: tokens[index].price)
        }
        return FeedRecord(
            kind: .aggregate, key: tokens[index].address,
            json: FeedText.aggregate(of: tokens[index], atMilliseconds: nowMilliseconds))
    }
}
