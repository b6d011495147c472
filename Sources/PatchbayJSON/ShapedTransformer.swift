public import PatchbayAPI

/// What a domain transformer's options make of a record that has the right shape.
public protocol ShapedRules: Sendable {
    /// What records must be.
    var shape: JSONShape { get }
    /// Whether every valid record goes through unchanged.
    var passesAll: Bool { get }
    /// What becomes of one.
    func verdict(on record: JSONValue) -> ShapedVerdict
    /// Appends what an edited record becomes.
    func append(_ record: JSONValue, to bytes: inout [UInt8])
}

/// What becomes of a record that has the right shape.
public enum ShapedVerdict {
    /// Left out on purpose.
    case filter(FilterReason)
    /// Passed on byte for byte.
    case pass
    /// Passed on as the rules rewrite it.
    case edit
    /// What options add can't be added to it.
    case reject(Rejection)
}

/// Checks each record against a shape, and passes it on as it is unless the rules say otherwise.
///
/// Thread: consumer.
public final class ShapedTransformer<Rules: ShapedRules>: Transformer {
    private let rules: Rules
    private let shape: JSONShape
    private var parser: JSONParser
    private var edited: [UInt8] = []

    public init(_ rules: Rules, loneSurrogates: LoneSurrogates = .pass) {
        self.rules = rules
        shape = rules.shape
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        if rules.passesAll { return parser.pass(batch, of: shape, into: output) }
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let problem = parser.check(value, against: shape) { checked in
            switch rules.verdict(on: checked) {
            case .filter(let reason): output.filter(record, because: reason)
            case .pass: output.emit(record)
            case .reject(let rejection): output.reject(record, rejection)
            case .edit:
                edited.removeAll(keepingCapacity: true)
                rules.append(checked, to: &edited)
                edited.withUnsafeBytes { output.emit(record, data: $0) }
            }
        }
        if let problem { output.reject(record, problem.rejection) }
    }
}
