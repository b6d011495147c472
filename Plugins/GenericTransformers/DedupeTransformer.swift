import PatchbayAPI
import PatchbayJSON

/// Leaves out records whose key came already.
///
/// Thread: consumer.
public final class DedupeTransformer: Transformer {
    struct Settings: Sendable {
        var key: RecordKey
        /// Whether the key is a list of fields and no template.
        var isOfFields: Bool
        var within: Int64
        var keys: Int
        var loneSurrogates: LoneSurrogates
    }

    private let settings: Settings
    private let clock: SteadyClock
    private let keys: RecordKeyReader
    private let seen = KeyTable()
    /// When each key came first, by its number.
    private var times: [Int64] = []

    init(_ settings: Settings, clock: SteadyClock = .system) {
        self.settings = settings
        self.clock = clock
        keys = RecordKeyReader(settings.key, loneSurrogates: settings.loneSurrogates)
    }

    /// Keys that it remembers now.
    var count: Int { seen.count }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        let now = clock.now()
        while let oldest = seen.oldest, now - times[oldest] >= settings.within { seen.remove(oldest) }
        for record in batch.records { transform(record, topic: batch.topic, at: now, into: output) }
    }

    private func transform(_ record: Record, topic: String, at now: Int64, into output: EnvelopeWriter) {
        guard record.value != nil else { return forget(record, topic: topic, into: output) }
        if let rejection = keys.read(record, topic: topic) { return output.reject(record, rejection) }
        if isNew(at: now) { return output.emit(record) }
        keys.bytes.withUnsafeBytes { bytes in
            output.filter(
                record,
                because: FilterReason(
                    option: settings.isOfFields ? "fields" : "key", explanation: "a record came already with", value: bytes))
        }
    }

    private func isNew(at now: Int64) -> Bool {
        keys.bytes.withUnsafeBytes { bytes in
            let hash = KeyTable.hash(bytes)
            guard seen.find(bytes, hash: hash) == nil else { return false }
            if seen.count >= settings.keys, let oldest = seen.oldest { seen.remove(oldest) }
            let number = seen.add(bytes, hash: hash)
            if number < times.count { times[number] = now } else { times.append(now) }
            return true
        }
    }

    /// What is deleted may come again.
    private func forget(_ record: Record, topic: String, into output: EnvelopeWriter) {
        if !settings.key.needsFields, keys.read(record, topic: topic) == nil {
            keys.bytes.withUnsafeBytes { bytes in
                if let known = seen.find(bytes, hash: KeyTable.hash(bytes)) { seen.remove(known) }
            }
        }
        output.emitTombstone(record)
    }
}
