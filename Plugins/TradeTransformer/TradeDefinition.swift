import PatchbayAPI
import PatchbayJSON

extension ShapedTransformer<TradeSettings> {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "trade",
        summary: "Trades: checks every field and passes the record on byte for byte.",
        defaultType: "trade_data",
        options: [
            RecordOptions.naming,
            RecordOptions.fields(of: TradeField.shape, example: "fields: [Token, SellBuy, PriceUsd]"),
            RecordOptions.tokens,
            RecordOptions.loneSurrogates,
            Field(
                "sides", .list(.choice(TradeField.sides), minimumCount: 1),
                documentation: "Passes on purchases only (`buy`) or sales only (`sell`). With both, or without this option, both pass.",
                example: "sides: [buy]"),
        ],
        examples: TradeExamples.all,
        outputSchema: { options in
            TradeField.shape.outputSchema(options) { index in
                guard index == TradeField.sellBuy.rawValue, let sides = options.strings("sides") else { return nil }
                let words = TradeField.sides.filter(sides.contains).map(JSONLiteral.quoted)
                return "{\"type\":\"string\",\"enum\":[\(words.joined(separator: ","))]}"
            }
        },
        configure: { (options) throws(OptionError) in
            let settings = try TradeSettings(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { TradeTransformer(settings, loneSurrogates: loneSurrogates) }
        }
    )
}
