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
                    New names by old names. The old name of a nested field is its path, `outer.inner`; the new name is a \
                    plain name. A record that already has a field of the new name is rejected.
                    """,
                example: "fields: { level: severity, user.id: user_id }"),
            RecordOptions.loneSurrogates,
        ],
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
        guard case .map(let entries)? = options["fields"] else {
            throw OptionError(option: "fields", message: "no field is named", hint: "write `fields: { old: new }`")
        }
        let sorted = entries.sorted { $0.key < $1.key }
        let paths = try FieldPaths(sorted.map(\.key.string), option: "fields")
        var newNames: [String] = []
        var seen: Set<ByteString> = []
        for (old, value) in sorted {
            guard case .string(let new) = value, !new.isEmpty else {
                throw OptionError(option: "fields", message: "the new name of `\(old)` must be text")
            }
            let parent = old.string.pathNames.dropLast().joined(separator: ".")
            guard seen.insert("\(parent).\(new)").inserted else {
                throw OptionError(option: "fields", message: "two fields would become `\(new)`")
            }
            newNames.append(new)
        }
        return Names(
            paths: paths, newNames: newNames, newKeys: newNames.map { Array("\(JSONLiteral.quoted($0)):".utf8) })
    }
}
