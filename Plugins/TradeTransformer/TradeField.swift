import PatchbayJSON

/// The fields of a trade record, in their documented order. The raw value is the index in the shape.
enum TradeField: Int, CaseIterable {
    case token, wallet, sellBuy, nativeAmount, tokenAmount, priceUsd, transTime, txHash

    static let sides = ["buy", "sell"]
    static let shape = JSONShape(documented: .pascal, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text)
        case .wallet: .required("Wallet", "wallet", .text)
        case .sellBuy: .required("SellBuy", "sell_buy", .choice(Self.sides))
        case .nativeAmount: .required("NativeAmount", "native_amount", .decimal)
        case .tokenAmount: .required("TokenAmount", "token_amount", .decimal)
        case .priceUsd: .required("PriceUsd", "price_usd", .decimal)
        case .transTime: .required("TransTime", "trans_time", .timestamp)
        case .txHash: .required("TxHash", "tx_hash", .text)
        }
    }
}
