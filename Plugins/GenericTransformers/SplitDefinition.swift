import PatchbayAPI
import PatchbayJSON

extension SplitTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "split",
        summary: "Makes a message of each element of an array, byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "path", .string(),
                documentation: """
                    The [path](../fields.md) of the array; without it, the record itself is the array. A record whose array is empty is \
                    left out. May be given alone: `split: items`.
                    """,
                example: "path: order.items"),
            Field(
                "keep", .list(.string(), minimumCount: 1),
                documentation: """
                    Fields of the record that every message gets, in front of the fields of the element, which must be an object then and \
                    have none of these names (`duplicate_field`). With `as`, elements may be anything. What the record doesn't have is left \
                    out.
                    """,
                example: "keep: [id, user.name]"),
            Field(
                "as", .string(),
                documentation: "The name of a field that holds the element; without it, the message is the element, or has its fields.",
                example: "as: item"),
            Field(
                "most", .integer(1...100_000), default: .integer(1000), unit: "elements",
                documentation: "How many elements an array may have; a record with more is `too_large`.", example: "most: 100"),
            StepOptions.nothingThere,
            RecordOptions.loneSurrogates,
        ],
        shorthand: "path",
        examples: [
            TransformerExample(
                title: "Each element becomes a message", options: ["path": .string("order.items")],
                input: #"{"order":{"id":7,"items":[{"sku":"a","price":1.50},{"sku":"b"}]}}"#,
                outcome: .messages([#"{"sku":"a","price":1.50}"#, #"{"sku":"b"}"#])),
            TransformerExample(
                title: "With fields of the record",
                options: ["path": .string("items"), "keep": .list([.string("id"), .string("user.name")])],
                input: #"{"id":7,"items":[{"sku":"a"},{"sku":"b"}],"user":{"name":"x","age":1}}"#,
                outcome: .messages([#"{"id":7,"user":{"name":"x"},"sku":"a"}"#, #"{"id":7,"user":{"name":"x"},"sku":"b"}"#])),
            TransformerExample(
                title: "Elements in a field of their own",
                options: ["path": .string("values"), "keep": .list([.string("id")]), "as": .string("value")],
                input: #"{"id":7,"values":[1.50,null]}"#, outcome: .messages([#"{"id":7,"value":1.50}"#, #"{"id":7,"value":null}"#])),
            TransformerExample(title: "A record that is an array", input: "[1,[2]]", outcome: .messages(["1", "[2]"])),
            TransformerExample(title: "An empty array makes no message", input: "[]", outcome: .filtered),
            TransformerExample(
                title: "Names must differ", options: ["path": .string("items"), "keep": .list([.string("id")])],
                input: #"{"id":7,"items":[{"id":8}]}"#, outcome: .rejected(code: "duplicate_field", field: "id")),
            TransformerExample(
                title: "Only arrays can be split", options: ["path": .string("items")], input: #"{"items":{}}"#,
                outcome: .rejected(code: "wrong_type", field: "items")),
        ],
        configure: { (options) throws(OptionError) in
            var path: FieldPath?
            if let text = options.string("path") { path = try FieldPaths.path(text, option: "path") }
            var kept: FieldPaths?
            if let fields = options.strings("keep") {
                guard path != nil else {
                    throw OptionError(
                        option: "keep", message: "a record that is an array has no fields to keep", hint: "name the array with `path`")
                }
                let hint = { (array: String) in array.isEmpty ? "name fields of the record" : "keep the array as a whole: `\(array)`" }
                kept = try FieldPaths(fields, option: "keep", indexes: .refused(hint: hint))
            }
            let rules = Rules(
                path: path, kept: kept, elementKey: options.string("as").map { Array("\(JSONLiteral.quoted($0)):".utf8) },
                mostElements: options.integer("most").map { Int($0) } ?? 1000, skipsMissing: options.string("missing") == "skip",
                loneSurrogates: RecordOptions.loneSurrogates(options))
            if let name = options.string("as"), kept?.roots.contains(where: { $0.step == .name(name) }) == true {
                throw OptionError(option: "as", message: "`\(name)` is kept already", hint: "give the element another name")
            }
            return { SplitTransformer(rules) }
        }
    )
}
