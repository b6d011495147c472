import PatchbayAPI
import PatchbayJSON

/// The step `parse`: fields that hold JSON as text become that JSON.
public enum ParseTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "parse",
        summary: "Makes JSON of fields that hold JSON as text; everything else is copied byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "fields", .list(.string(), minimumCount: 1),
                documentation: """
                    The fields, by their [paths](../fields.md). Without it, the record as a whole is a text that holds JSON. Null stays \
                    null. A record in which such a field occurs twice is `duplicate_field`. May be given alone: `parse: [payload]`.
                    """,
                example: "fields: [payload, meta.raw]"),
            EditRules.invalid,
            StepOptions.missing,
            RecordOptions.loneSurrogates,
        ],
        shorthand: "fields",
        examples: [
            TransformerExample(
                title: "A field that holds JSON as text", options: ["fields": .list([.string("payload")])],
                input: #"{"id":1,"payload":"{\"price\":1.50,\"n\":[1]}"}"#,
                outcome: .data(#"{"id":1,"payload":{"price":1.50,"n":[1]}}"#)),
            TransformerExample(
                title: "A record that is a text with JSON in it", input: #""{\"price\":1.50}""#, outcome: .data(#"{"price":1.50}"#)),
            TransformerExample(
                title: "What holds none is refused", options: ["fields": .list([.string("payload")])],
                input: #"{"payload":"{\"price\":"}"#, outcome: .rejected(code: "invalid_value", field: "payload")),
            TransformerExample(
                title: "Or passes as it is", options: ["fields": .list([.string("payload")]), "invalid": .string("pass")],
                input: #"{"payload":"plain text"}"#, outcome: .data(#"{"payload":"plain text"}"#)),
        ],
        configure: { (options) throws(OptionError) in
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            guard let fields = options.strings("fields") else {
                let passesInvalid = options.string("invalid") == "pass"
                return { ParseRecordTransformer(passesInvalid: passesInvalid, loneSurrogates: loneSurrogates) }
            }
            let paths = try FieldPaths(fields, option: "fields", indexes: .anywhere)
            let rules = EditRules(paths: paths, options: options)
            return { FieldEditor(rules, ParseEdit(paths, loneSurrogates: loneSurrogates), loneSurrogates: loneSurrogates) }
        }
    )
}

/// Thread: consumer.
final class ParseEdit: ValueEdit {
    private var parser: JSONParser

    init(_ paths: FieldPaths, loneSurrogates: LoneSurrogates) {
        // What is put into a record must not be nested deeper than a record may be.
        let deepest = paths.paths.map(\.steps.count).max() ?? 0
        let limits = JSONLimits(
            maximumBytes: JSONLimits.records.maximumBytes, maximumDepth: JSONLimits.records.maximumDepth - deepest)
        parser = JSONParser(limits: limits, loneSurrogates: loneSurrogates)
    }

    func edit(_ value: JSONValue, path: Int, into bytes: inout [UInt8]) -> EditOutcome {
        if value.type == .null { return .unchanged }
        guard let text = value.string else { return .impossible("it is not text") }
        if value.hasLoneSurrogate { return .impossible("it holds half of a surrogate pair, which is not text") }
        guard parser.validate(text) == nil else { return .impossible("it is no JSON, or nested too deep") }
        bytes.append(contentsOf: text)
        return .edited
    }

    func complaint(path: Int, text: String) -> String { "the text in `\(text)` can't be read as JSON" }
}

/// A record that is a text with JSON in it becomes that JSON.
///
/// Thread: consumer.
final class ParseRecordTransformer: Transformer {
    private let passesInvalid: Bool
    private var parser: JSONParser
    private var inner: JSONParser

    init(passesInvalid: Bool, loneSurrogates: LoneSurrogates) {
        self.passesInvalid = passesInvalid
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
        inner = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root -> Rejection? in
            guard let text = root.string else { return .wrongType(nil, found: root.type, wanted: "text that holds JSON") }
            if root.hasLoneSurrogate { return Self.noText }
            if let problem = inner.validate(text) { return problem.rejection }
            output.emit(record, data: text)
            return nil
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(nil): break
        case .success(let rejection?):
            if passesInvalid { return output.emit(record) }
            output.reject(record, rejection)
        }
    }

    private static var noText: Rejection {
        Rejection(code: "invalid_value", explanation: "the record holds half of a surrogate pair, which is not text")
    }
}
