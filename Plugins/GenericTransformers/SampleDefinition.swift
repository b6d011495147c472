import PatchbayAPI
import PatchbayJSON

extension SampleTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "sample",
        summary: """
            Passes on one of so many records and leaves out the others; what passes is unchanged. With `key`, all records of a key pass \
            or none: the same keys on every node and after every restart. Without, every n-th record passes, the first one included, \
            and counting begins again when the process does, or when a reload changes the route. Tombstones go past it.
            """,
        defaultType: nil,
        options: [
            Field(
                "one_in", .integer(1...1_000_000_000), required: true, unit: "records",
                documentation: "Of how many records, or keys, one passes. May be given alone: `sample: 10`.", example: "one_in: 10"),
            RecordKey.option(required: false, "What decides, by its hash.", example: #"key: "{user.id}""#),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "one_in",
        memory: { $0.string("key") == nil ? .earlierRecords : .none },
        examples: [
            TransformerExample(
                title: "The first passes", options: ["one_in": .integer(3)], input: #"{"id":1}"#, outcome: .data(#"{"id":1}"#)),
            TransformerExample(
                title: "The second and the third don't", options: ["one_in": .integer(3)], earlier: [#"{"id":1}"#],
                input: #"{"id":2}"#, outcome: .filtered),
            TransformerExample(
                title: "The fourth does", options: ["one_in": .integer(3)], earlier: [#"{"id":1}"#, #"{"id":2}"#, #"{"id":3}"#],
                input: #"{"id":4}"#, outcome: .data(#"{"id":4}"#)),
            TransformerExample(
                title: "By key, what has none is refused", options: ["one_in": .integer(3), "key": .string("{id}")],
                input: #"{"id":[1]}"#, outcome: .rejected(code: "wrong_type", field: "id")),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in
            var key: RecordKey?
            if let template = options.string("key") { key = try RecordKey(template: template, option: "key") }
            let settings = Settings(
                oneIn: UInt64(max(1, options.integer("one_in") ?? 1)), key: key, loneSurrogates: RecordOptions.loneSurrogates(options))
            return { SampleTransformer(settings) }
        }
    )
}
