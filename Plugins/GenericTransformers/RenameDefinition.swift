import PatchbayAPI
import PatchbayJSON

extension RenameTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "rename",
        summary: "Gives fields of a JSON object new names; values are copied byte for byte, and the order is kept.",
        defaultType: nil,
        options: [
            Field(
                "fields", .dictionary(.string()), required: true,
                documentation: """
                    New names by old names. The old name is the field's [path](../fields.md): `name`, `outer.inner`, \
                    `items[0].id`; the new one is a plain name, and the field stays where it is. A record that already has a field \
                    of the new name is rejected. May be given alone: `rename: { level: severity }`.
                    """,
                example: "fields: { level: severity, user.id: user_id }"),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "A field gets another name",
                options: ["fields": .map(["level": .string("severity")])],
                input: #"{"level":"error","n":1.50}"#, outcome: .data(#"{"severity":"error","n":1.50}"#)),
            TransformerExample(
                title: "Two fields swap names",
                options: ["fields": .map(["a": .string("b"), "b": .string("a")])],
                input: #"{"a":1,"b":2}"#, outcome: .data(#"{"b":1,"a":2}"#)),
            TransformerExample(
                title: "A field of a nested object",
                options: ["fields": .map(["user.id": .string("number")])],
                input: #"{"user":{"id":7}}"#, outcome: .data(#"{"user":{"number":7}}"#)),
            TransformerExample(
                title: "A record without the field passes as it is",
                options: ["fields": .map(["x": .string("y")])], input: #"{"a":1}"#, outcome: .data(#"{"a":1}"#)),
            TransformerExample(
                title: "The new name is taken",
                options: ["fields": .map(["a": .string("b")])], input: #"{"a":1,"b":2}"#,
                outcome: .rejected(code: "duplicate_field", field: "a")),
        ],
        configure: { (options) throws(OptionError) in
            let names = try names(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { RenameTransformer(names, loneSurrogates: loneSurrogates) }
        }
    )

    private static func names(_ options: OptionValues) throws(OptionError) -> Names {
        let entries = StepOptions.entries(options, "fields")
        guard !entries.isEmpty else {
            throw OptionError(option: "fields", message: "no field is named", hint: "write `fields: { old: new }`")
        }
        let paths = try FieldPaths(entries.map(\.path), option: "fields", indexes: .onTheWay)
        var newNames: [String] = []
        var seen: Set<ByteString> = []
        for (path, (old, value)) in zip(paths.paths, entries) {
            guard case .string(let new) = value, !new.isEmpty else {
                throw OptionError(option: "fields", message: "the new name of `\(old)` must be text")
            }
            let place = FieldPath.text(of: path.steps.dropLast() + [.name(new)])
            guard seen.insert(ByteString(place)).inserted else {
                throw OptionError(option: "fields", message: "two fields would become `\(new)`")
            }
            newNames.append(new)
        }
        return Names(
            paths: paths, newNames: newNames, newKeys: newNames.map { Array("\(JSONLiteral.quoted($0)):".utf8) })
    }
}
