internal import CPatchbayPlugin
import PatchbayAPI

/// A batch in guarded memory: records, keys, values and topic each end where nobody may read on.
final class CheckedBatch {
    private var memory: [GuardedMemory] = []
    private(set) var records: [Record] = []
    private(set) var batch = pb_batch()

    /// `nil` when there is no memory.
    ///
    /// - Parameter recordSize: from one record to the next, a multiple of 8.
    init?(_ values: [[UInt8]?], recordSize: Int = MemoryLayout<pb_record>.stride) {
        var table = [UInt8](repeating: 0xA5, count: values.count * recordSize)
        for (number, value) in values.enumerated() {
            var key: UnsafeRawBufferPointer?
            var content: UnsafeRawBufferPointer?
            if number % 2 == 1 {
                guard let bytes = guarded(Array("key".utf8)) else { return nil }
                key = bytes
            }
            if let value {
                guard let bytes = guarded(value) else { return nil }
                content = bytes
            }
            let record = Record(
                partition: 0, recordOffset: Int64(number), timestampMilliseconds: number % 3 == 0 ? -1 : 1_700_000_000_000, key: key,
                value: content)
            records.append(record)
            let entry = pb_record(
                offset: record.recordOffset, timestamp_ms: record.timestampMilliseconds, key: pb_bytes(key), value: pb_bytes(content),
                partition: 0, header_count: 0, headers: pb_address(bits: 0))
            table.withUnsafeMutableBytes { $0.storeBytes(of: entry, toByteOffset: number * recordSize, as: pb_record.self) }
        }
        guard let records = guarded(table), let topic = guarded(Array("a.topic".utf8)) else { return nil }
        batch = pb_batch(
            record_size: UInt32(recordSize), count: UInt32(values.count), topic: pb_bytes(topic),
            records: pb_address(records.baseAddress))
    }

    private func guarded(_ bytes: [UInt8]) -> UnsafeRawBufferPointer? {
        guard let memory = bytes.withUnsafeBytes({ GuardedMemory($0) }) else { return nil }
        self.memory.append(memory)
        return memory.bytes
    }

    /// The call is over: nothing of it may be read any more.
    func retire() { for part in memory { part.retire() } }
}
