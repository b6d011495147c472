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
        case .timeWindow: .required("TimeWindow", "time_window", .text)
        case .sellCount: .required("SellCount", "sell_count", .count)
        case .buyCount: .required("BuyCount", "buy_count", .count)
        case .totalTrades: .required("TotalTrades", "total_trades", .count)
        case .sellVolume: .required("SellVolume", "sell_volume", .decimal)
        case .buyVolume: .required("BuyVolume", "buy_volume", .decimal)
        case .totalVolume: .required("TotalVolume", "total_volume", .decimal)
        case .volumeUsd: .required("VolumeUsd", "volume_usd", .decimal)
        case .priceChange: .required("PriceChange", "price_change", .number)
        case .openPrice: .required("OpenPrice", "open_price", .decimal)
        case .closePrice: .required("ClosePrice", "close_price", .decimal)
        case .timestamp: .required("Timestamp", "timestamp", .timestamp)
        }
    }
}
