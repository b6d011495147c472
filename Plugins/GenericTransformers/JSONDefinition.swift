import PatchbayAPI
import PatchbayJSON

extension JSONTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "json",
        summary: "Any valid JSON passes, byte for byte.",
        defaultType: "message",
        options: [RecordOptions.loneSurrogates],
        examples: [
            TransformerExample(
                title: "An object passes, spaces and all",
                input: #"{ "id": 7, "amount": 1.50 }"#, outcome: .data(#"{ "id": 7, "amount": 1.50 }"#)),
            TransformerExample(
                title: "A number keeps every digit",
                input: "[123456789012345678901234567890]", outcome: .data("[123456789012345678901234567890]")),
            TransformerExample(title: "A lone value is JSON too", input: "true", outcome: .data("true")),
            TransformerExample(
                title: "An extra comma is refused",
                input: #"{"id":7,}"#, outcome: .rejected(code: "invalid_json", field: nil)),
            TransformerExample(
                title: "Two values are refused; a record is one",
                input: #"{"id":7}{"id":8}"#, outcome: .rejected(code: "invalid_json", field: nil)),
            TransformerExample(
                title: "Half a surrogate pair is in the grammar",
                input: #"{"name":"\ud83d"}"#, outcome: .data(#"{"name":"\ud83d"}"#)),
            TransformerExample(
                title: "And can be refused", options: ["lone_surrogates": .string("reject")],
                input: #"{"name":"\ud83d"}"#, outcome: .rejected(code: "invalid_json", field: nil)),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { JSONTransformer(loneSurrogates: loneSurrogates) }
        }
    )
}
