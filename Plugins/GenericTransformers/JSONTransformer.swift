import PatchbayAPI
import PatchbayJSON

/// Any valid JSON, passed on byte for byte.
///
/// Thread: consumer.
public final class JSONTransformer: Transformer {
    private var parser: JSONParser

    init(loneSurrogates: LoneSurrogates) { parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates) }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        if let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        output.emit(record)
    }
}
