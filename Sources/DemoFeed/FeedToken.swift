/// One token of the market, and what trading did to it.
///
/// Units: prices in 1/100,000,000 US dollar, amounts in 1/1,000,000 of a token or native coin. The native coin is worth
/// one dollar, as in the documented payloads.
struct FeedToken: Sendable {
    static let priceUnit: Int64 = 100_000_000
    static let amountUnit: Int64 = 1_000_000
    /// One ten-thousandth of a cent to ten thousand dollars; the products below stay within 63 bits.
    static let prices: ClosedRange<Int64> = 100...(10_000 * priceUnit)

    let address: [UInt8]
    let name: TokenName
    let initialPrice: Int64
    /// Whole tokens.
    let totalSupply: Int64
    let isAMM: Bool
    let createdMilliseconds: Int64
    private(set) var price: Int64
    /// Largest relative step of the price from one trade to the next, in millionths.
    private let volatility: Int64
    var windows: [FeedWindow]
    /// Whether it traded since its last aggregate.
    var hasNewTrades = false

    init(named name: TokenName, atMilliseconds milliseconds: Int64, _ random: inout SplitMix64) {
        self.name = name
        address = FeedText.hexadecimal(digits: 40, &random)
        var magnitude: Int64 = 10_000
        for _ in 0..<Int.random(in: 0...4, using: &random) { magnitude *= 10 }
        let firstPrice = Int64.random(in: magnitude..<(magnitude * 10), using: &random)
        initialPrice = firstPrice
        price = firstPrice
        var supply = Int64.random(in: 1...99, using: &random)
        for _ in 0..<Int.random(in: 6...10, using: &random) { supply *= 10 }
        totalSupply = supply
        isAMM = Int.random(in: 0..<10, using: &random) < 7
        createdMilliseconds = milliseconds
        volatility = Int64.random(in: 2_000...20_000, using: &random)
        windows = FeedWindow.lengths.map {
            FeedWindow(name: $0.name, length: $0.milliseconds, atMilliseconds: milliseconds, price: firstPrice)
        }
    }

    /// Somebody trades: the price moves, and the windows take note.
    mutating func trade(by wallet: [UInt8], atMilliseconds milliseconds: Int64, _ random: inout SplitMix64) -> FeedTrade {
        let isBuy = Int.random(in: 0..<100, using: &random) < 52
        walk(isBuy: isBuy, &random)
        // From about five dollars to about twenty thousand, small trades being as frequent as ones twice their size.
        let dollars = Int64.random(in: 5 * Self.amountUnit..<10 * Self.amountUnit, using: &random)
        let worth = dollars << Int64.random(in: 0...11, using: &random)
        let tokenAmount = max(worth * Self.priceUnit / price, 1)
        let (high, low) = tokenAmount.multipliedFullWidth(by: price)
        let trade = FeedTrade(
            wallet: wallet, isBuy: isBuy, nativeAmount: Self.priceUnit.dividingFullWidth((high, low)).quotient,
            tokenAmount: tokenAmount, price: price, milliseconds: milliseconds,
            hash: FeedText.hexadecimal(digits: 64, &random))
        for index in windows.indices { windows[index].add(trade) }
        hasNewTrades = true
        return trade
    }

    /// A geometric random walk: up and down are by factors that undo each other, so the price has no drift of its own.
    /// The size of a step is the mean of three draws, near enough to a bell; buying pushes up a little more often.
    private mutating func walk(isBuy: Bool, _ random: inout SplitMix64) {
        let draws = (0..<3).reduce(Int64(0)) { sum, _ in sum + Int64.random(in: 0...volatility, using: &random) }
        let step = draws / 3
        let isUp = Int.random(in: 0..<100, using: &random) < (isBuy ? 60 : 39)
        let one: Int64 = 1_000_000
        let moved = isUp ? price * (one + step) / one : price * one / (one + step)
        price = min(max(moved, Self.prices.lowerBound), Self.prices.upperBound)
    }
}

/// One purchase or sale. Units as in `FeedToken`.
struct FeedTrade: Sendable {
    let wallet: [UInt8]
    let isBuy: Bool
    let nativeAmount: Int64
    let tokenAmount: Int64
    let price: Int64
    let milliseconds: Int64
    let hash: [UInt8]
}
