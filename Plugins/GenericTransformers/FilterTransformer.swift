import PatchbayAPI
import PatchbayJSON

/// Passes on the records for which a jq expression holds, byte for byte.
///
/// Thread: consumer.
public final class FilterTransformer: Transformer {
    private let expression: FilterExpression
    private let usesKey: Bool
    private var parser: JSONParser
    private var keyParser = JSONParser(limits: .records)

    init(_ expression: FilterExpression, loneSurrogates: LoneSurrogates = .pass) {
        self.expression = expression
        usesKey = if case .condition(let condition) = expression { condition.usesKey } else { false }
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, topic: batch.topic, into: output) }
    }

    private func transform(_ record: Record, topic: String, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        // With the limits and the words of all other transformers; jq would take some things that are no JSON.
        switch verdict(on: value, of: record, topic: topic) {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.holds): output.emit(record)
        case .success(.doesNotHold): output.filter(record, because: Self.doesNotHold)
        case .success(.failed(let message)): output.reject(record, Self.failed(message))
        }
    }

    private func verdict(
        on value: UnsafeRawBufferPointer, of record: Record, topic: String
    ) -> Result<FilterExpression.Verdict, JSONProblem> {
        switch expression {
        case .condition(let condition):
            guard usesKey, let key = record.key else {
                return parser.read(value) { root in
                    Self.verdict(condition, .init(record: record, topic: topic, value: root, key: nil))
                }
            }
            return parser.read(value) { root in
                let verdict = keyParser.read(key) { key in
                    Self.verdict(condition, .init(record: record, topic: topic, value: root, key: key))
                }
                if case .success(let verdict) = verdict { return verdict }
                return Self.verdict(condition, .init(record: record, topic: topic, value: root, key: nil))
            }
        case .program(let program, let index):
            if let problem = parser.validate(value) { return .failure(problem) }
            guard parser.hasLoneSurrogate else { return .success(program.verdict(of: index, on: value)) }
            // jq 1.6 refuses some of them. In its place, as in conditions, stands U+FFFD.
            return .success(LoneSurrogates.replaced(in: value).withUnsafeBytes { program.verdict(of: index, on: $0) })
        }
    }

    private static func verdict(
        _ condition: FilterCondition, _ subject: FilterCondition.Subject
    ) -> FilterExpression.Verdict {
        do throws(FilterCondition.Failure) {
            return try condition.holds(on: subject) ? .holds : .doesNotHold
        } catch {
            return .failed(error.message)
        }
    }

    private static var doesNotHold: FilterReason {
        FilterReason(option: "where", explanation: "its result for this record is false, null or nothing")
    }

    @inline(never)
    private static func failed(_ message: String) -> Rejection {
        Rejection(code: "expression_failed", explanation: "the expression of `where` fails on this record: \(message)")
    }
}
