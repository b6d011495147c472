import PatchbayAPI
import PatchbayJSON

/// Passes on the records for which a jq expression holds, byte for byte.
///
/// Thread: consumer.
public final class FilterTransformer: Transformer {
    private let expression: FilterExpression?
    /// Why there is no expression; it was compiled once when the configuration was checked.
    private let reason: String
    private var parser = JSONParser()

    init(_ text: String) {
        do throws(FilterExpression.Invalid) {
            expression = try FilterExpression(text)
            reason = ""
        } catch {
            expression = nil
            reason = error.reason
        }
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        // With the limits and the words of all other transformers; jq would take some things that are no JSON.
        if let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        switch expression?.verdict(on: value) ?? .failed(reason) {
        case .holds: output.emit(record)
        case .doesNotHold: output.filter(record)
        case .failed(let message): output.reject(record, Self.failed(message))
        }
    }

    @inline(never)
    private static func failed(_ message: String) -> Rejection {
        Rejection(code: "expression_failed", explanation: "the expression of `where` fails on this record: \(message)")
    }
}
