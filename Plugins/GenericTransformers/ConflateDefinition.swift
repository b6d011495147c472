import PatchbayAPI
import PatchbayJSON

extension ConflateTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "conflate",
        summary: """
            Holds the newest record of each key and passes them on every interval, unchanged; those in between are left out. What it \
            holds is passed on at once when a reload changes its route, when partitions go to another member of the group, and at a \
            stop. Until it has passed a record on, the record's offset isn't committed: after a crash it comes again. A tombstone takes \
            the place of an older record of its key. It has no fields, so with `tombstones: message` the key must be made of something \
            else, such as `{@key}` or `{@key.id}`. What it passes on has no headers any more.
            """,
        defaultType: nil,
        options: [
            RecordKey.option(required: true, "What records replace each other by.", example: #"key: "{Token}""#),
            Field(
                "every", .duration(milliseconds: 10...60_000), default: .integer(1_000),
                documentation: "How long an interval is; an idle consumer looks at the time ten times a second.", example: "every: 250ms"),
            Field(
                "keys", .integer(1...1_000_000), default: .integer(100_000), unit: "keys",
                documentation: """
                    How many keys are held at most; for one more, all are passed on before their time. Each takes less than 300 bytes \
                    beside the record.
                    """,
                example: "keys: 20000"),
            Field(
                "memory", .size(bytes: 65_536...268_435_456), default: .integer(67_108_864), unit: "bytes",
                documentation: "How much the held records take together at most; for one more key, all are passed on before their time.",
                example: "memory: 16MiB"),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "key",
        takesTombstones: true,
        tombstoneProblem: { RecordKey.tombstoneProblem(template: $0.string("key")) },
        memory: { _ in .records },
        examples: [
            TransformerExample(
                title: "The newest of its key passes, in its time", options: ["key": .string("{Token}"), "every": .integer(250)],
                earlier: [#"{"Token":"0x01","price":1.50}"#, #"{"Token":"0x02","price":7}"#], input: #"{"Token":"0x01","price":1.60}"#,
                outcome: .data(#"{"Token":"0x01","price":1.60}"#)),
            TransformerExample(
                title: "What has no key is refused at once", options: ["key": .string("{Token}")], input: #"{"price":1.60}"#,
                outcome: .rejected(code: "missing_field", field: "Token")),
            TransformerExample(
                title: "And so is what isn't JSON", options: ["key": .string("{Token}")], input: "price=1.60",
                outcome: .rejected(code: "invalid_json", field: nil)),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in
            let settings = Settings(
                key: try RecordKey(template: options.string("key") ?? "", option: "key"), every: options.integer("every") ?? 1_000,
                keys: Int(options.integer("keys") ?? 100_000), memory: Int(options.integer("memory") ?? 67_108_864),
                loneSurrogates: RecordOptions.loneSurrogates(options))
            return { ConflateTransformer(settings) }
        }
    )
}
