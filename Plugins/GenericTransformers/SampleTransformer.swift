import PatchbayAPI
import PatchbayJSON

/// Passes on one of so many records, and leaves out the others.
///
/// Thread: consumer.
public final class SampleTransformer: Transformer {
    struct Settings: Sendable {
        var oneIn: UInt64
        /// `nil` to count.
        var key: RecordKey?
        var loneSurrogates: LoneSurrogates
    }

    private let settings: Settings
    private var parser: JSONParser
    private var key: [UInt8] = []
    /// Records to go until the next that passes.
    private var toGo: UInt64 = 0

    init(_ settings: Settings) {
        self.settings = settings
        parser = JSONParser(limits: .records, loneSurrogates: settings.loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, topic: batch.topic, into: output) }
    }

    private func transform(_ record: Record, topic: String, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        guard let template = settings.key else {
            guard toGo == 0 else {
                toGo -= 1
                return leaveOut(record, into: output)
            }
            toGo = settings.oneIn - 1
            return pass(record, value, into: output)
        }
        guard template.needsFields else {
            if let rejection = template.write(record, topic: topic, root: nil, to: &key) { return output.reject(record, rejection) }
            // What is left out isn't looked at.
            return takesKey ? pass(record, value, into: output) : leaveOut(record, into: output)
        }
        switch parser.read(value, { template.write(record, topic: topic, root: $0, to: &key) }) {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.some(let rejection)): output.reject(record, rejection)
        case .success(.none): if takesKey { output.emit(record) } else { leaveOut(record, into: output) }
        }
    }

    private func pass(_ record: Record, _ value: UnsafeRawBufferPointer, into output: EnvelopeWriter) {
        if let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        output.emit(record)
    }

    private func leaveOut(_ record: Record, into output: EnvelopeWriter) {
        output.filter(record, because: FilterReason(option: "one_in", explanation: "it is not the one that passes"))
    }

    private var takesKey: Bool { key.withUnsafeBytes { Self.hash($0) % settings.oneIn == 0 } }

    /// The same everywhere and always: FNV-1a, its bits mixed once more as in MurmurHash3, since the low ones alone would decide.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for place in bytes.indices { hash = (hash ^ UInt64(bytes[place])) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }
}
