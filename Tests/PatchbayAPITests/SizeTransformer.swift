import PatchbayAPI

/// How large each record is, as `{"bytes":215}`.
final class SizeTransformer: Transformer {
    private let minimum: Int
    /// Kept from record to record, so that none allocates.
    private var data: [UInt8] = []

    init(minimum: Int) { self.minimum = minimum }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records {
            guard let value = record.value else {
                output.reject(record, .tombstone)
                continue
            }
            guard value.count >= minimum else {
                output.filter(record, because: FilterReason(option: "minimum", explanation: "it is smaller"))
                continue
            }
            data.removeAll(keepingCapacity: true)
            data += #"{"bytes":"#.utf8
            data += "\(value.count)".utf8
            data.append(UInt8(ascii: "}"))
            data.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }
}

extension SizeTransformer {
    static let definition = TransformerDefinition(
        name: "size",
        summary: "How large each record's value is, in bytes.",
        defaultType: "size",
        options: [
            Field(
                "minimum", .size(bytes: 0...1_000_000_000), default: .integer(0), unit: "bytes",
                documentation: "Smaller records are left out.", example: "1KiB")
        ],
        examples: [
            TransformerExample(title: "A record", input: #"{"id":7}"#, outcome: .data(#"{"bytes":8}"#)),
            TransformerExample(
                title: "One that is too small", options: ["minimum": .integer(9)], input: #"{"id":7}"#, outcome: .filtered),
        ],
        outputSchema: { _ in .schema(#"{"type":"object","properties":{"bytes":{"type":"integer"}}}"#) },
        configure: { options in
            let minimum = Int(options.integer("minimum") ?? 0)
            return { SizeTransformer(minimum: minimum) }
        }
    )
}
