import PatchbayJSON

/// The fields of one window of an aggregate, in their documented order. The raw value is the index in the shape.
enum WindowField: Int, CaseIterable {
    case timeWindow, sellCount, buyCount, totalTrades, sellVolume, buyVolume, totalVolume, volumeUsd
    case priceChange, openPrice, closePrice, timestamp

    /// The windows that producers are known to write. Others are accepted: a new one must not stop a dashboard.
    static let knownWindows = ["1min", "5min", "15min", "30min", "1hour"]
    static let shape = JSONShape(documented: .snake, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .timeWindow: .required("TimeWindow", "time_window", .text, "Length of the window, such as 5min.")
        case .sellCount: .required("SellCount", "sell_count", .count, "Sales in the window.")
        case .buyCount: .required("BuyCount", "buy_count", .count, "Purchases in the window.")
        case .totalTrades: .required("TotalTrades", "total_trades", .count, "Trades in the window.")
        case .sellVolume: .required("SellVolume", "sell_volume", .decimal, "Volume of the sales, in coins of the chain.")
        case .buyVolume: .required("BuyVolume", "buy_volume", .decimal, "Volume of the purchases, in coins of the chain.")
        case .totalVolume: .required("TotalVolume", "total_volume", .decimal, "Volume of all trades, in coins of the chain.")
        case .volumeUsd: .required("VolumeUsd", "volume_usd", .decimal, "Volume of all trades in US dollars.")
        case .priceChange: .required("PriceChange", "price_change", .number, "From the opening to the closing price, in percent.")
        case .openPrice: .required("OpenPrice", "open_price", .decimal, "Price of one token at the beginning of the window, in US dollars.")
        case .closePrice: .required("ClosePrice", "close_price", .decimal, "Price of one token at its end, in US dollars.")
        case .timestamp: .required("Timestamp", "timestamp", .timestamp, "End of the window.")
        }
    }
}
