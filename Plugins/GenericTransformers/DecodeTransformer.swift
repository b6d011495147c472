import PatchbayAPI
import PatchbayJSON

/// Makes a JSON string of a record that is text.
///
/// Thread: consumer.
public final class DecodeTransformer: Transformer {
    private let replacesInvalid: Bool
    private var bytes: [UInt8] = []

    init(replacesInvalid: Bool) { self.replacesInvalid = replacesInvalid }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        bytes.removeAll(keepingCapacity: true)
        if JSONText.isUTF8(value) {
            JSONText.appendString(validUTF8: value, to: &bytes)
        } else if replacesInvalid {
            JSONText.appendString(utf8: value, to: &bytes)
        } else {
            return output.reject(record, Self.invalid)
        }
        bytes.withUnsafeBytes { output.emit(record, data: $0) }
    }

    private static var invalid: Rejection {
        Rejection(
            code: "invalid_utf8",
            explanation: "the record is not text in UTF-8; `invalid: replace` puts U+FFFD in place of what isn't")
    }
}

extension DecodeTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "decode",
        summary: "Makes JSON of records in another format; so far of plain text, which becomes a JSON string.",
        defaultType: nil,
        options: [
            Field(
                "format", .choice(["text"]), required: true,
                documentation: "What the records are. May be given alone: `decode: text`.", example: "format: text"),
            Field(
                "invalid", .choice(["reject", "replace"]), default: .string("reject"),
                documentation: """
                    What happens to a record that isn't UTF-8: it is rejected as `invalid_utf8`, or U+FFFD takes the place of what isn't.
                    """,
                example: "invalid: replace"),
        ],
        shorthand: "format",
        examples: [
            TransformerExample(
                title: "A line of a log", options: ["format": .string("text")],
                input: #"level=error msg="no space left" path=C:\tmp"#,
                outcome: .data(#""level=error msg=\"no space left\" path=C:\\tmp""#)),
            TransformerExample(
                title: "JSON is text, too", options: ["format": .string("text")], input: #"{"a":1}"#,
                outcome: .data(#""{\"a\":1}""#)),
            TransformerExample(title: "Nothing is an empty text", options: ["format": .string("text")], input: "", outcome: .data(#""""#)),
        ],
        outputSchema: { _ in .schema(#"{"type":"string"}"#) },
        configure: { (options) throws(OptionError) in
            let replacesInvalid = options.string("invalid") == "replace"
            return { DecodeTransformer(replacesInvalid: replacesInvalid) }
        }
    )
}
