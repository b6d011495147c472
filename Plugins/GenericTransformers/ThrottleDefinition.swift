import PatchbayAPI
import PatchbayJSON

extension ThrottleTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "throttle",
        summary: """
            Passes on at most so many records per interval, for each key or altogether, and leaves out the others; what passes is \
            unchanged. An interval begins with its first record. It remembers what came since the process started, or since a reload \
            changed the route. Tombstones go past it. `conflate` sends the newest of an interval instead of the first.
            """,
        defaultType: nil,
        options: [
            RecordKey.option(
                required: false, "What records are counted by; all of them together when left out.", example: #"key: "{user.id}""#),
            Field(
                "messages", .integer(1...1_000_000), default: .integer(1), unit: "messages",
                documentation: "How many pass in an interval.", example: "messages: 10"),
            Field(
                "every", .duration(milliseconds: 1...86_400_000), default: .integer(1_000),
                documentation: "How long an interval is.", example: "every: 500ms"),
            Field(
                "keys", .integer(1...10_000_000), default: .integer(100_000), unit: "keys",
                documentation: """
                    How many keys are counted; for one more in an interval, the count of the oldest is forgotten. Each takes about 110 \
                    bytes beside the key itself.
                    """,
                example: "keys: 1000000"),
            RecordOptions.loneSurrogates,
        ],
        memory: { _ in .earlierRecords },
        examples: [
            TransformerExample(
                title: "The first of an interval passes", options: ["key": .string("{id}")], earlier: [#"{"id":1}"#],
                input: #"{"id":2}"#, outcome: .data(#"{"id":2}"#)),
            TransformerExample(
                title: "One more of its key doesn't", options: ["key": .string("{id}"), "every": .integer(60_000)],
                earlier: [#"{"id":2,"n":1}"#], input: #"{"id":2,"n":2}"#, outcome: .filtered),
            TransformerExample(
                title: "All records together", options: ["messages": .integer(2), "every": .integer(60_000)],
                earlier: [#"{"id":1}"#, #"{"id":2}"#], input: #"{"id":3}"#, outcome: .filtered),
            TransformerExample(
                title: "What has no key can't be counted", options: ["key": .string("{id}")], input: #"{"id":null}"#,
                outcome: .rejected(code: "missing_field", field: "id")),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in
            let settings = try settings(options)
            return { ThrottleTransformer(settings) }
        }
    )

    static func settings(_ options: OptionValues) throws(OptionError) -> Settings {
        var key: RecordKey?
        if let template = options.string("key") { key = try RecordKey(template: template, option: "key") }
        return Settings(
            key: key, messages: Int(options.integer("messages") ?? 1), every: options.integer("every") ?? 1_000,
            keys: Int(options.integer("keys") ?? 100_000), loneSurrogates: RecordOptions.loneSurrogates(options))
    }
}
