import PatchbayAPI
import TransformerTestSupport

/// Transformers with options of every kind, under the names that the corpus of the fuzzer uses.
enum FuzzTransformers {
    private final class Idle: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    private static func make(
        _ name: String, type: String? = nil, shorthand: String? = nil, _ options: [Field] = []
    ) -> TransformerDefinition {
        TransformerDefinition(name: name, summary: "For tests.", defaultType: type, options: options, shorthand: shorthand) {
            values throws(OptionError) in
            if values.string("where") == "(" { throw OptionError(option: "where", message: "is no expression: (") }
            if values.string("key") == "forbidden" { throw OptionError(option: nil, message: "forbidden is not allowed") }
            return { Idle() }
        }
    }

    static let all = TransformerSet(tests: [
        make("json", type: "message"), make("token", type: "token_info"), make("trade", type: "trade_data"),
        make(
            "aggregate", type: "aggregate_data",
            [Field("windows", .list(.choice(["1min", "5min"])), default: .list([.string("1min")]), documentation: "Windows.")]),
        make("filter", shorthand: "where", [Field("where", .string(), required: true, documentation: "Condition.")]),
        make(
            "pick", shorthand: "fields",
            [
                Field("fields", .list(.string(), minimumCount: 1), required: true, documentation: "Names."),
                Field("missing", .choice(["skip", "reject"]), default: .string("skip"), documentation: "Without."),
            ]),
        make("jq", shorthand: "program", [Field("program", .string(minimumLength: 1), required: true, documentation: "Program.")]),
        make("rename", shorthand: "fields", [Field("fields", .dictionary(.string()), required: true, documentation: "Names.")]),
        make(
            "set", shorthand: "fields",
            [
                Field("fields", .dictionary(.json), required: true, documentation: "Values."),
                Field("missing", .choice(["skip", "reject"]), default: .string("skip"), documentation: "Without."),
            ]),
        make("convert", shorthand: "fields", [Field("fields", .dictionary(.any), required: true, documentation: "Kinds.")]),
        make(
            "mask",
            [
                Field("key", .string(minimumLength: 8), required: true, secret: true, documentation: "Key."),
                Field("ratio", .number(0...1), default: .number(0.5), documentation: "Ratio."),
                Field("deep", .bool, default: .bool(false), environment: "MASK_DEEP", documentation: "Deep."),
                Field("every", .duration(milliseconds: 10...60_000), default: .integer(1000), documentation: "Pause."),
                Field("size", .size(bytes: 1...1000), documentation: "Size."),
                Field("anything", .any, documentation: "Anything."),
                Field(
                    "nested", .object([Field("level", .integer(1...3), default: .integer(2), documentation: "Level.")]),
                    documentation: "Nested."),
            ]),
    ])
}
