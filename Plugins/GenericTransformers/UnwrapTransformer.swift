import PatchbayAPI
import PatchbayJSON

/// Passes on the value at a path, byte for byte, in place of the record.
///
/// Thread: consumer.
public final class UnwrapTransformer: Transformer {
    private let path: FieldPath
    private let skipsMissing: Bool
    private var parser: JSONParser

    init(_ path: FieldPath, skipsMissing: Bool, loneSurrogates: LoneSurrogates) {
        self.path = path
        self.skipsMissing = skipsMissing
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root in
            guard let inner = root.value(at: path), inner.type != .null else {
                if skipsMissing { return output.filter(record, because: Self.nothing) }
                return output.reject(record, missing)
            }
            output.emit(record, data: inner.text)
        }
        if case .failure(let problem) = result { output.reject(record, problem.rejection) }
    }

    private static var nothing: FilterReason {
        FilterReason(option: "missing", explanation: "there is nothing, or null, at the path that is unwrapped")
    }

    private var missing: Rejection {
        Rejection(
            code: "missing_field", field: path.text,
            explanation: "there is nothing, or null, at `\(path.text)`; `missing: skip` leaves such records out")
    }
}

extension UnwrapTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "unwrap",
        summary: "Passes on one value inside the record in its place, byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "path", .string(), required: true,
                documentation: "The [path](../fields.md) of the value, which may be of any type but null.",
                example: "path: payload.after"),
            StepOptions.nothingThere,
            RecordOptions.loneSurrogates,
        ],
        bareValueProblem: (
            message: "envelopes by name aren't supported yet; `unwrap` takes the path of a value",
            hint: "for example `unwrap: { path: payload.after }`"
        ),
        examples: [
            TransformerExample(
                title: "What is inside becomes the record", options: ["path": .string("payload.after")],
                input: #"{"schema":{},"payload":{"op":"u","after":{ "id": 7, "n": 1.50 }}}"#, outcome: .data(#"{ "id": 7, "n": 1.50 }"#)),
            TransformerExample(
                title: "An element of an array", options: ["path": .string("items[1]")],
                input: #"{"items":[1,2]}"#, outcome: .data("2")),
            TransformerExample(
                title: "It must be there", options: ["path": .string("payload.after")],
                input: #"{"payload":{"op":"d","after":null}}"#, outcome: .rejected(code: "missing_field", field: "payload.after")),
            TransformerExample(
                title: "Or the record is left out", options: ["path": .string("payload.after"), "missing": .string("skip")],
                input: #"{"payload":{"op":"d","after":null}}"#, outcome: .filtered),
        ],
        configure: { (options) throws(OptionError) in
            let path = try FieldPaths.path(options.string("path") ?? "", option: "path")
            let skipsMissing = options.string("missing") == "skip"
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { UnwrapTransformer(path, skipsMissing: skipsMissing, loneSurrogates: loneSurrogates) }
        }
    )
}
