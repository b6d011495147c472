import PatchbayAPI
import PatchbayJSON

/// Trades: checks each record, and passes it on as it is unless an option says otherwise.
///
/// Thread: consumer.
public final class TradeTransformer: Transformer {
    private let settings: TradeSettings
    private let shape = TradeField.shape
    private var parser = JSONParser()
    private var edited: [UInt8] = []

    init(_ settings: TradeSettings) { self.settings = settings }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        if settings.passesAll { return parser.pass(batch, of: shape, into: output) }
        for record in batch.records { edit(record, into: output) }
    }

    private func edit(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let problem = parser.check(value, against: shape) { trade in
            guard settings.passes(trade) else { return output.filter(record) }
            guard settings.editor.hasEffect else { return output.emit(record) }
            edited.removeAll(keepingCapacity: true)
            settings.editor.append(trade, to: &edited)
            edited.withUnsafeBytes { output.emit(record, data: $0) }
        }
        if let problem { output.reject(record, problem.rejection) }
    }
}
