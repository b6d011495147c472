import PatchbayAPI
import PatchbayJSON

extension FlattenTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "flatten",
        summary: "Makes one object of an object with others inside, joining the names on the way; values are copied byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "separator", .string(), default: .string("."),
                documentation: """
                    What stands between the names. With a dot, a name such as `user.id` needs brackets where a later step names it: \
                    `["user.id"]`. May be given alone: `flatten: _`.
                    """,
                example: "separator: _"),
            Field(
                "depth", .integer(1...64), default: .integer(64), unit: "levels",
                documentation: "How many levels of objects go; what is deeper stays as it is.", example: "depth: 1"),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "separator",
        examples: [
            TransformerExample(
                title: "Names are joined; arrays and empty objects stay",
                input: #"{"id":7,"user":{"name":"x","address":{"city":"Rome","geo":{}}},"tags":[{"a":1.50}]}"#,
                outcome: .data(#"{"id":7,"user.name":"x","user.address.city":"Rome","user.address.geo":{},"tags":[{"a":1.50}]}"#)),
            TransformerExample(
                title: "One level", options: ["separator": .string("_"), "depth": .integer(1)],
                input: #"{"a":{"b":{"c":1}}}"#, outcome: .data(#"{"a_b":{"c":1}}"#)),
            TransformerExample(
                title: "Two fields of one name are refused", options: ["separator": .string("_")],
                input: #"{"a_b":1,"a":{"b":2}}"#, outcome: .rejected(code: "duplicate_field", field: "a_b")),
            TransformerExample(
                title: "Only objects can be flattened", input: "[{}]", outcome: .rejected(code: "not_an_object", field: nil)),
        ],
        outputSchema: { _ in .schema(#"{"type":"object"}"#) },
        configure: { (options) throws(OptionError) in
            let separator = options.string("separator") ?? "."
            let rules = Rules(
                separator: Array(separator.utf8), escapedSeparator: Array(JSONLiteral.quoted(separator).utf8.dropFirst().dropLast()),
                depth: options.integer("depth").map { Int($0) } ?? 64, loneSurrogates: RecordOptions.loneSurrogates(options))
            return { FlattenTransformer(rules) }
        }
    )
}
