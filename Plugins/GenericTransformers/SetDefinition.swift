import PatchbayAPI
import PatchbayJSON

extension SetTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "set",
        summary:
            "Gives fields values: constants, other fields, the record's key, headers, topic and time; the rest is copied byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "fields", .dictionary(.json), required: true,
                documentation: """
                    The value of each field, by its [path](../fields.md). A field that is there gets the value in its place, another one \
                    is added at the end, in the order of the names; objects on the way are made, elements of arrays are not. A record in which such a field \
                    occurs twice is `duplicate_field`.

                    A value is any YAML, and becomes JSON; numbers keep every digit. Its texts may have \
                    [placeholders](../fields.md#placeholders): `{user.id}`, `{@key}`, `{@key.id}`, `{@header.NAME}`, `{@topic}`, \
                    `{@partition}`, `{@timestamp}` (milliseconds since 1970). A text that is one placeholder and nothing else becomes \
                    what it stands for, with its type: a field byte for byte, `{@partition}` and `{@timestamp}` as numbers, the others \
                    as text. In any other text, fields must be text, numbers or booleans. `{{` and `}}` stand for braces. All \
                    placeholders see the record as it came, before anything is set.

                    May be given alone: `set: { source: "{@topic}" }`.
                    """,
                example: "fields: { source: \"{@topic}\", version: 2, title: \"{user.name} ({user.id})\" }"),
            Field(
                "missing", .choice(Missing.allCases.map(\.rawValue)), default: .string(Missing.reject.rawValue),
                documentation: """
                    What happens where a placeholder stands for something that the record doesn't have, or for null in a text: the record \
                    is rejected (`reject`), the field isn't set (`skip`), or null takes the text's place (`null`).
                    """,
                example: "missing: skip"),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "Constants of any type, and the topic",
                options: fields(["source": .json(#""{@topic}""#), "v": .json("1.50"), "tags": .json(#"["a",null]"#)]),
                input: #"{"id":7}"#, outcome: .data(#"{"id":7,"source":"test","tags":["a",null],"v":1.50}"#)),
            TransformerExample(
                title: "One placeholder alone copies the field, whatever it is",
                options: fields(["total": .json(#""{order.total}""#)]),
                input: #"{"order":{"total":123456789012345678901.10}}"#,
                outcome: .data(#"{"order":{"total":123456789012345678901.10},"total":123456789012345678901.10}"#)),
            TransformerExample(
                title: "Mixed with other text it becomes text",
                options: fields(["title": .json(#""{user.name} (no. {id})""#)]),
                input: #"{"id":7,"user":{"name":"Ann \"A\" Lee"},"title":null}"#,
                outcome: .data(#"{"id":7,"user":{"name":"Ann \"A\" Lee"},"title":"Ann \"A\" Lee (no. 7)"}"#)),
            TransformerExample(
                title: "Objects on the way are made", options: fields(["meta.source.id": .json(#""{id}""#), "meta.kind": .json(#""a""#)]),
                input: #"{"id":7}"#, outcome: .data(#"{"id":7,"meta":{"kind":"a","source":{"id":7}}}"#)),
            TransformerExample(
                title: "What a placeholder stands for must be there", options: fields(["a": .json(#""{user.id}""#)]), input: #"{"id":7}"#,
                outcome: .rejected(code: "missing_field", field: "user.id")),
            TransformerExample(
                title: "Or the field stays as it is",
                options: fields(["a": .json(#""{user.id}""#)]).merging(["missing": .string("skip")]) { $1 },
                input: #"{"id":7,"a":1}"#, outcome: .data(#"{"id":7,"a":1}"#)),
        ],
        configure: { (options) throws(OptionError) in
            let entries = StepOptions.entries(options, "fields")
            let paths = try FieldPaths(entries.map(\.path), option: "fields", indexes: .anywhere)
            var values: [SetValue] = []
            for (path, value) in entries { values.append(try compiled(value, of: path)) }
            let rules = Rules(
                paths: paths, values: values, missing: options.string("missing").flatMap { Missing(rawValue: $0) } ?? .reject,
                loneSurrogates: RecordOptions.loneSurrogates(options))
            return { SetTransformer(rules) }
        }
    )

    private static func fields(_ fields: [ByteString: ConfigValue]) -> [String: ConfigValue] { ["fields": .map(fields)] }

    private static func compiled(_ value: ConfigValue, of path: String) throws(OptionError) -> SetValue {
        guard case .json(let json) = value else {
            throw OptionError(option: "fields", message: "the value of `\(path)` must be JSON")
        }
        do throws(RecordTemplate.Invalid) {
            return try SetValue(json: json)
        } catch {
            throw OptionError(option: "fields", message: "the value of `\(path)` \(error.problem)", hint: error.hint)
        }
    }
}
