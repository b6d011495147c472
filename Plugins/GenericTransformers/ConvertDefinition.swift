import PatchbayAPI
import PatchbayJSON

/// The step `convert`: gives fields other types, forms of time or letters.
public enum ConvertTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "convert",
        summary: "Converts fields: types, exact decimals, times, upper and lower case; everything else is copied byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "fields", .dictionary(.any), required: true,
                documentation: """
                    What each field becomes, by its [path](../fields.md). Null stays null. A record in which such a field occurs twice \
                    is `duplicate_field`.

                    `integer`: a number without fraction and exponent, of a number or of text that is one, at any size. `number`: of \
                    text, every digit kept. `decimal`: text with all digits and no exponent, for amounts that mustn't be rounded. \
                    `string`: numbers and booleans as they are written, arrays and objects as JSON. `boolean`: of `true`, `false`, \
                    1, 0, and text that is one of them. `upper`, `lower`: text, in all alphabets.

                    `{ from: FORM, to: FORM }` converts times between `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns` (numbers since \
                    1970, or text that holds one) and `iso8601`, which is read with `Z` or an offset and written in UTC with as many \
                    digits of a second as the time had. To an epoch, what is finer than its unit is cut off.

                    May be given alone: `convert: { price: decimal }`.
                    """,
                example: "fields: { price: decimal, at: { from: epoch_ms, to: iso8601 } }"),
            EditRules.invalid,
            StepOptions.missing,
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "A number that must not be rounded becomes text",
                options: fields(["price": .string("decimal"), "qty": .string("decimal")]),
                input: #"{"price":123456789012345678.10,"qty":1e-7}"#,
                outcome: .data(#"{"price":"123456789012345678.10","qty":"0.0000001"}"#)),
            TransformerExample(
                title: "Milliseconds become a time that people can read",
                options: fields(["at": .map(["from": .string("epoch_ms"), "to": .string("iso8601")])]),
                input: #"{"at":1767225599000,"n":1.50}"#, outcome: .data(#"{"at":"2025-12-31T23:59:59.000Z","n":1.50}"#)),
            TransformerExample(
                title: "And the other way round; offsets count",
                options: fields(["at": .map(["from": .string("iso8601"), "to": .string("epoch_s")])]),
                input: #"{"at":"2026-01-01T01:00:00.75+01:00"}"#, outcome: .data(#"{"at":1767225600}"#)),
            TransformerExample(
                title: "Text becomes numbers and booleans",
                options: fields(["id": .string("integer"), "user.vip": .string("boolean")]),
                input: #"{"id":"0042","user":{"vip":"TRUE"}}"#, outcome: .data(#"{"id":42,"user":{"vip":true}}"#)),
            TransformerExample(
                title: "Case", options: fields(["symbol": .string("upper")]),
                input: #"{"symbol":"eurusd"}"#, outcome: .data(#"{"symbol":"EURUSD"}"#)),
            TransformerExample(
                title: "What can't be converted is refused", options: fields(["id": .string("integer")]),
                input: #"{"id":4.5}"#, outcome: .rejected(code: "invalid_value", field: "id")),
            TransformerExample(
                title: "Or passes as it is",
                options: fields(["id": .string("integer")]).merging(["invalid": .string("pass")]) { $1 },
                input: #"{"id":"none"}"#, outcome: .data(#"{"id":"none"}"#)),
        ],
        configure: { (options) throws(OptionError) in
            let entries = StepOptions.entries(options, "fields")
            let paths = try FieldPaths(entries.map(\.path), option: "fields", indexes: .anywhere)
            var conversions: [Conversion] = []
            for (path, value) in entries { conversions.append(try Conversion(value, of: path, option: "fields")) }
            let rules = EditRules(paths: paths, options: options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            let all = conversions
            return { FieldEditor(rules, ConvertEdit(all), loneSurrogates: loneSurrogates) }
        }
    )

    private static func fields(_ fields: [ByteString: ConfigValue]) -> [String: ConfigValue] { ["fields": .map(fields)] }
}

/// Thread: consumer.
final class ConvertEdit: ValueEdit {
    /// By number of the path.
    private let conversions: [Conversion]

    init(_ conversions: [Conversion]) { self.conversions = conversions }

    func edit(_ value: JSONValue, path: Int, into bytes: inout [UInt8]) -> EditOutcome {
        conversions[path].apply(to: value, into: &bytes)
    }

    func complaint(path: Int, text: String) -> String { "`\(text)` can't be made \(conversions[path].phrase)" }
}
