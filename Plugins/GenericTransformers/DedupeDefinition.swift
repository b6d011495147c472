import PatchbayAPI
import PatchbayJSON

extension DedupeTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "dedupe",
        summary: """
            Leaves out records whose key came already, within a time and among a number of keys that it remembers; what passes is \
            unchanged. It remembers what this process has read since it started, or since a reload changed the route. A tombstone \
            makes it forget its key, where the key needs no field.
            """,
        defaultType: nil,
        options: [
            RecordKey.option(
                required: false, "What two records of one kind have in common. Either this or `fields`.", example: #"key: "{TxHash}""#),
            Field(
                "fields", .list(.string(), minimumCount: 1),
                documentation: "Fields whose values together are the key, nested ones by their path. Either this or `key`.",
                example: "fields: [account, id]"),
            Field(
                "within", .duration(milliseconds: 1...86_400_000), default: .integer(600_000),
                documentation: "How long a key is remembered, from its first record on.", example: "within: 1h"),
            Field(
                "keys", .integer(1...10_000_000), default: .integer(100_000), unit: "keys",
                documentation: """
                    How many keys are remembered; for one more, the oldest is forgotten. Each takes about 100 bytes beside the key itself.
                    """,
                example: "keys: 1000000"),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "key",
        takesTombstones: true,
        memory: { _ in .earlierRecords },
        examples: [
            TransformerExample(
                title: "The first of its kind passes", options: ["key": .string("{id}")], input: #"{"id":7,"n":1}"#,
                outcome: .data(#"{"id":7,"n":1}"#)),
            TransformerExample(
                title: "The second doesn't, whatever else it says", options: ["key": .string("{id}")], earlier: [#"{"id":7,"n":1}"#],
                input: #"{"id":7,"n":2}"#, outcome: .filtered),
            TransformerExample(
                title: "Several fields may make the key", options: ["fields": .list([.string("account"), .string("order.id")])],
                earlier: [#"{"account":"a","order":{"id":1}}"#], input: #"{"account":"b","order":{"id":1}}"#,
                outcome: .data(#"{"account":"b","order":{"id":1}}"#)),
            TransformerExample(
                title: "Only so many keys are remembered", options: ["key": .string("{id}"), "keys": .integer(1)],
                earlier: [#"{"id":1}"#, #"{"id":2}"#], input: #"{"id":1}"#, outcome: .data(#"{"id":1}"#)),
            TransformerExample(
                title: "What has no key can't be told apart", options: ["key": .string("{id}")], input: #"{"n":1}"#,
                outcome: .rejected(code: "missing_field", field: "id")),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in
            let settings = try settings(options)
            return { DedupeTransformer(settings) }
        }
    )

    static func settings(_ options: OptionValues) throws(OptionError) -> Settings {
        let key: RecordKey
        let template = options.string("key")
        switch (template, options.strings("fields")) {
        case (let template?, nil): key = try RecordKey(template: template, option: "key")
        case (nil, let fields?): key = try RecordKey(fields: fields, option: "fields")
        case (nil, nil):
            throw OptionError(
                option: nil, message: "it needs `key` or `fields`, to tell records apart",
                hint: "for example `dedupe: { key: \"{id}\" }`")
        case (_?, _?):
            throw OptionError(option: "fields", message: "`key` is given as well", hint: "remove one of them")
        }
        return Settings(
            key: key, isOfFields: template == nil, within: options.integer("within") ?? 600_000,
            keys: Int(options.integer("keys") ?? 100_000), loneSurrogates: RecordOptions.loneSurrogates(options))
    }
}
