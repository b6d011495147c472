/// What happened to a token since the window began. Windows begin at whole multiples of their length since 1970 and
/// start over when it has passed. Units as in `FeedToken`.
struct FeedWindow: Sendable {
    static let lengths: [(name: String, milliseconds: Int64)] = [
        ("1min", 60_000), ("5min", 300_000), ("15min", 900_000), ("30min", 1_800_000), ("1hour", 3_600_000),
    ]

    let name: String
    let length: Int64
    private(set) var begin: Int64
    private(set) var sellCount: Int64 = 0
    private(set) var buyCount: Int64 = 0
    private(set) var sellVolume: Int64 = 0
    private(set) var buyVolume: Int64 = 0
    /// Price of the first trade of the window; before there was one, the last price known.
    private(set) var openPrice: Int64
    private(set) var closePrice: Int64

    init(name: String, length: Int64, atMilliseconds milliseconds: Int64, price: Int64) {
        self.name = name
        self.length = length
        begin = milliseconds - milliseconds % length
        openPrice = price
        closePrice = price
    }

    /// Starts over if the window has passed.
    mutating func advance(toMilliseconds milliseconds: Int64, lastPrice: Int64) {
        guard milliseconds >= begin + length else { return }
        self = FeedWindow(name: name, length: length, atMilliseconds: milliseconds, price: lastPrice)
    }

    mutating func add(_ trade: FeedTrade) {
        advance(toMilliseconds: trade.milliseconds, lastPrice: closePrice)
        if sellCount + buyCount == 0 { openPrice = trade.price }
        closePrice = trade.price
        // A window ends long before 63 bits of millionths of a dollar do, but a demo may be driven at any speed.
        if trade.isBuy {
            buyCount += 1
            buyVolume = Self.sum(buyVolume, trade.nativeAmount)
        } else {
            sellCount += 1
            sellVolume = Self.sum(sellVolume, trade.nativeAmount)
        }
    }

    var totalVolume: Int64 { Self.sum(sellVolume, buyVolume) }

    /// From open to close, in hundredths of a percent.
    var priceChange: Int64 { (closePrice - openPrice) * 10_000 / openPrice }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }
}
