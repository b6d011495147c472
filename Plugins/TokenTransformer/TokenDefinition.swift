import PatchbayAPI
import PatchbayJSON

extension ShapedTransformer<TokenSettings> {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "token",
        summary: "Token launches: checks every field and passes the record on byte for byte.",
        defaultType: "token_info",
        options: [
            RecordOptions.naming,
            RecordOptions.fields(of: TokenField.shape, example: "fields: [Token, Symbol, Name]"),
            RecordOptions.tokens,
            RecordOptions.required(of: TokenField.shape, example: "required: [Symbol]"),
            RecordOptions.optional(of: TokenField.shape, example: "optional: [MetaInfo]"),
            RecordOptions.numbers(of: TokenField.shape, example: "numbers: [TotalSupply]"),
            RecordOptions.loneSurrogates,
            Field(
                "amm", .bool,
                documentation: """
                    Passes on only tokens that trade on an automated market maker (`true`), or only those that don't \
                    (`false`). Without it both pass.
                    """,
                example: "amm: true"),
        ],
        examples: TokenExamples.all,
        outputSchema: { options in
            TokenField.shape.outputSchema(options) { index, _ in
                guard index == TokenField.isAMM.rawValue, let amm = options.bool("amm") else { return nil }
                return "{\"type\":\"boolean\",\"const\":\(amm)}"
            }
        },
        configure: { (options) throws(OptionError) in
            let settings = try TokenSettings(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { TokenTransformer(settings, loneSurrogates: loneSurrogates) }
        }
    )
}
