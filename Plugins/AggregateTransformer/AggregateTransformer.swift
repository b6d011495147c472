import PatchbayAPI
import PatchbayJSON

/// Aggregates per time window: checks each record, and passes it on as it is unless an option says otherwise.
///
/// Thread: consumer.
public final class AggregateTransformer: Transformer {
    private let settings: AggregateSettings
    private let shape = AggregateField.shape
    private var parser = JSONParser()
    private var edited: [UInt8] = []

    init(_ settings: AggregateSettings) { self.settings = settings }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        if settings.passesAll { return parser.pass(batch, of: shape, into: output) }
        for record in batch.records { edit(record, into: output) }
    }

    private func edit(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let problem = parser.check(value, against: shape) { aggregate in
            guard settings.passes(aggregate) else { return output.filter(record) }
            let selection = settings.selection(from: aggregate)
            if selection == .none { return output.filter(record) }
            if selection == .all, !settings.editor.hasEffect { return output.emit(record) }
            edited.removeAll(keepingCapacity: true)
            settings.editor.append(aggregate, to: &edited) { _, window in settings.keeps(window) }
            edited.withUnsafeBytes { output.emit(record, data: $0) }
        }
        if let problem { output.reject(record, problem.rejection) }
    }
}
