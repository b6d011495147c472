import PatchbayAPI
import PatchbayJSON

extension ShapedTransformer<AggregateSettings> {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "aggregate",
        summary: "Trading aggregates per time window: checks every field and passes the record on byte for byte.",
        defaultType: "aggregate_data",
        options: [
            RecordOptions.naming,
            RecordOptions.fields(of: AggregateField.shape, example: "fields: [token, aggregate_data]"),
            RecordOptions.tokens,
            RecordOptions.required(of: AggregateField.shape, example: "required: [symbol]"),
            RecordOptions.optional(of: AggregateField.shape, example: "optional: [version, aggregate_data.price_change]"),
            RecordOptions.numbers(of: AggregateField.shape, example: "numbers: [aggregate_data.open_price, aggregate_data.close_price]"),
            RecordOptions.loneSurrogates,
            Field(
                "windows", .list(.string(), minimumCount: 1),
                documentation: """
                    Passes on these windows only, named as in `time_window`; a record with none of them is left out. \
                    Usual names are \(WindowField.knownWindows.map { "`\($0)`" }.joined(separator: ", ")); any other name \
                    that the producer writes works, too.
                    """,
                example: "windows: [1min, 5min]"),
        ],
        examples: AggregateExamples.all,
        outputSchema: { options in
            AggregateField.shape.outputSchema(options) { index, inner in
                guard index == AggregateField.aggregateData.rawValue, let windows = options.strings("windows") else {
                    return nil
                }
                let names = Set(windows).sorted().map(JSONLiteral.quoted).joined(separator: ",")
                let window = inner.schema { index in
                    index == WindowField.timeWindow.rawValue ? "{\"type\":\"string\",\"enum\":[\(names)]}" : nil
                }
                return "{\"type\":\"array\",\"minItems\":1,\"items\":\(window)}"
            }
        },
        configure: { (options) throws(OptionError) in
            let settings = try AggregateSettings(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { AggregateTransformer(settings, loneSurrogates: loneSurrogates) }
        }
    )
}
