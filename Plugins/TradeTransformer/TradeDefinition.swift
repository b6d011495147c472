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
            RecordOptions.required(of: TradeField.shape, example: "required: [Wallet]"),
            RecordOptions.optional(of: TradeField.shape, example: "optional: [Wallet, NativeAmount]"),
            RecordOptions.numbers(of: TradeField.shape, example: "numbers: [PriceUsd, TokenAmount]"),
            RecordOptions.loneSurrogates,
            Field(
                "sides", .list(.choice(TradeField.sides), minimumCount: 1),
                documentation: "Passes on purchases only (`buy`) or sales only (`sell`). With both, or without this option, both pass.",
                example: "sides: [buy]"),
            Field(
                "value_usd", .bool, default: .bool(false),
                documentation: """
                    Adds `ValueUsd` (`value_usd`) at the end: the value of the trade, `PriceUsd` times `TokenAmount`, exactly, as text like \
                    all amounts and without zeros that say nothing at its end. It is left out where one of the two is missing, which only \
                    `optional` allows, and added whatever `fields` says. `numbers: [ValueUsd]` adds a number behind it. A record that has \
                    the field already is rejected as `duplicate_field`.
                    """,
                example: "value_usd: true"),
        ],
        examples: TradeExamples.all,
        outputSchema: { options in
            TradeField.shape.outputSchema(options, product: options.bool("value_usd") == true ? TradeField.valueUsd : nil) { index, _ in
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
