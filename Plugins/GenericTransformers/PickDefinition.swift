import PatchbayAPI
import PatchbayJSON

extension PickTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "pick",
        summary: "Keeps the named fields of a JSON object; they are copied byte for byte, in their order.",
        defaultType: nil,
        options: [
            Field(
                "fields", .list(.string(), minimumCount: 1), required: true,
                documentation: """
                    The fields to keep, by their [paths](../fields.md): `name`, `outer.inner`, `["log.level"]`. An array is kept as a \
                    whole: an element can't be picked. May be given alone: `pick: [a, b]`.
                    """,
                example: "fields: [service, level, user.id]"),
            StepOptions.missing,
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "Two fields stay, in the order of the record",
                options: ["fields": .list([.string("level"), .string("service")])],
                input: #"{"service":"api","level":"error","host":"a1"}"#,
                outcome: .data(#"{"service":"api","level":"error"}"#)),
            TransformerExample(
                title: "A field of a nested object",
                options: ["fields": .list([.string("user.id")])],
                input: #"{"user":{"id":7,"name":"x"},"n":1.50}"#, outcome: .data(#"{"user":{"id":7}}"#)),
            TransformerExample(
                title: "A name with a dot in it",
                options: ["fields": .list([.string(#"["log.level"]"#)])],
                input: #"{"log.level":"warn","log":{"level":"x"}}"#, outcome: .data(#"{"log.level":"warn"}"#)),
            TransformerExample(
                title: "A field that isn't there is left out",
                options: ["fields": .list([.string("a"), .string("b")])], input: #"{"a":1}"#, outcome: .data(#"{"a":1}"#)),
            TransformerExample(
                title: "Or is required",
                options: ["fields": .list([.string("a"), .string("b")]), "missing": .string("reject")],
                input: #"{"a":1}"#, outcome: .rejected(code: "missing_field", field: "b")),
            TransformerExample(
                title: "Only objects have fields",
                options: ["fields": .list([.string("a")])], input: "[1]",
                outcome: .rejected(code: "not_an_object", field: nil)),
        ],
        outputSchema: { options in
            guard let paths = try? paths(options) else { return .any }
            return .schema(schema(of: paths.roots, rejectsMissing: StepOptions.rejectsMissing(options)))
        },
        configure: { (options) throws(OptionError) in
            let paths = try paths(options)
            let rejectsMissing = StepOptions.rejectsMissing(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { PickTransformer(paths, rejectsMissing: rejectsMissing, loneSurrogates: loneSurrogates) }
        }
    )

    private static func paths(_ options: OptionValues) throws(OptionError) -> FieldPaths {
        let hint = { (array: String) in
            array.isEmpty
                ? "`unwrap` takes an element out of an array"
                : "keep the array as a whole: `\(array)`; or copy the element into a field of its own: `set: { first: \"{\(array)[0]}\" }`"
        }
        return try FieldPaths(options.strings("fields") ?? [], option: "fields", indexes: .refused(hint: hint))
    }

    /// The JSON Schema of an object that has these fields and no others.
    private static func schema(of nodes: [FieldPaths.Node], rejectsMissing: Bool) -> String {
        let names = nodes.map { if case .name(let name) = $0.step { JSONLiteral.quoted(name) } else { "\"\"" } }
        let properties = zip(names, nodes).map { name, node in
            "\(name):\(node.end == nil ? schema(of: node.children, rejectsMissing: rejectsMissing) : "{}")"
        }
        let required = rejectsMissing ? ",\"required\":[\(names.joined(separator: ","))]" : ""
        return "{\"type\":\"object\",\"properties\":{\(properties.joined(separator: ","))}\(required),"
            + "\"additionalProperties\":false}"
    }
}
