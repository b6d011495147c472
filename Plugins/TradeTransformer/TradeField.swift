import PatchbayJSON

/// The fields of a trade record, in their documented order. The raw value is the index in the shape.
enum TradeField: Int, CaseIterable {
    case token, wallet, sellBuy, nativeAmount, tokenAmount, priceUsd, transTime, txHash

    static let sides = ["buy", "sell"]
    /// What `value_usd` adds.
    static let valueUsd = ProductField(
        .required("ValueUsd", "value_usd", .decimal, "Value of the trade in US dollars: the price times the tokens."),
        left: priceUsd.rawValue, right: tokenAmount.rawValue)
    static let shape = JSONShape(documented: .pascal, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text, "Address of the token that was traded.")
        case .wallet: .required("Wallet", "wallet", .text, "Address of the wallet that traded.")
        case .sellBuy: .required("SellBuy", "sell_buy", .choice(Self.sides), "Whether the wallet bought or sold the token.")
        case .nativeAmount: .required("NativeAmount", "native_amount", .decimal, "What was paid or received, in coins of the chain.")
        case .tokenAmount: .required("TokenAmount", "token_amount", .decimal, "How many tokens changed hands.")
        case .priceUsd: .required("PriceUsd", "price_usd", .decimal, "Price of one token in US dollars.")
        case .transTime: .required("TransTime", "trans_time", .timestamp, "When the trade happened.")
        case .txHash: .required("TxHash", "tx_hash", .text, "Hash of the transaction.")
        }
    }
}
