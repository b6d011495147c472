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
    private let keys: RecordKeyReader
    /// Records to go until the next that passes.
    private var toGo: UInt64 = 0

    init(_ settings: Settings) {
        self.settings = settings
        keys = RecordKeyReader(settings.key, loneSurrogates: settings.loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        let reason = FilterReason(option: "one_in", explanation: "it is not the one that passes")
        for record in batch.records {
            keys.sort(record, topic: batch.topic, into: output, orLeaveOut: reason, takes: takes)
        }
    }

    private func takes(_ key: UnsafeRawBufferPointer?) -> Bool {
        if let key { return Self.hash(key) % settings.oneIn == 0 }
        guard toGo == 0 else {
            toGo -= 1
            return false
        }
        toGo = settings.oneIn - 1
        return true
    }

    /// The same everywhere and always: FNV-1a, its bits mixed once more as in MurmurHash3, since the low ones alone would decide.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for place in bytes.indices { hash = (hash ^ UInt64(bytes[place])) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }
}
