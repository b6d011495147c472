import PatchbayAPI
import PatchbayJSON

extension DropTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "drop",
        summary: "Leaves out the named fields of a JSON object; everything else is copied byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "fields", .list(.string(), minimumCount: 1), required: true,
                documentation: """
                    The fields to leave out, by their [paths](../fields.md): `name`, `outer.inner`, `items[0]`. An object or array \
                    stays, even when nothing is left in it. May be given alone: `drop: [a, b]`.
                    """,
                example: "fields: [password, user.email]"),
            StepOptions.missing,
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "Two fields go", options: ["fields": .list([.string("host"), .string("user.email")])],
                input: #"{"host":"a1","level":"error","user":{"id":7,"email":"x@y.z"},"n":1.50}"#,
                outcome: .data(#"{"level":"error","user":{"id":7},"n":1.50}"#)),
            TransformerExample(
                title: "A record without them passes as it is", options: ["fields": .list([.string("host")])],
                input: #"{ "level": "error" }"#, outcome: .data(#"{ "level": "error" }"#)),
            TransformerExample(
                title: "Elements of arrays", options: ["fields": .list([.string("items[0]"), .string("items[1].note")])],
                input: #"{"items":[1,{"id":2,"note":"x"},3]}"#, outcome: .data(#"{"items":[{"id":2},3]}"#)),
            TransformerExample(
                title: "Only objects have fields", options: ["fields": .list([.string("a")])], input: "[1]",
                outcome: .rejected(code: "not_an_object", field: nil)),
        ],
        configure: { (options) throws(OptionError) in
            let paths = try FieldPaths(options.strings("fields") ?? [], option: "fields", indexes: .anywhere)
            let rejectsMissing = StepOptions.rejectsMissing(options)
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { DropTransformer(paths, rejectsMissing: rejectsMissing, loneSurrogates: loneSurrogates) }
        }
    )
}
