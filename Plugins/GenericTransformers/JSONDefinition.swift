import PatchbayAPI

extension JSONTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "json",
        summary: "Any valid JSON passes, byte for byte.",
        defaultType: "message",
        examples: [
            TransformerExample(
                title: "An object passes, spaces and all",
                input: #"{ "id": 7, "amount": 1.50 }"#, outcome: .data(#"{ "id": 7, "amount": 1.50 }"#)),
            TransformerExample(
                title: "A number keeps every digit",
                input: "[123456789012345678901234567890]", outcome: .data("[123456789012345678901234567890]")),
            TransformerExample(title: "A lone value is JSON too", input: "true", outcome: .data("true")),
            TransformerExample(
                title: "A comma too many is refused",
                input: #"{"id":7,}"#, outcome: .rejected(code: "invalid_json", field: nil)),
            TransformerExample(
                title: "Two values are refused; a record is one",
                input: #"{"id":7}{"id":8}"#, outcome: .rejected(code: "invalid_json", field: nil)),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (_) throws(OptionError) in { JSONTransformer() } }
    )
}
