import PatchbayAPI
import PatchbayJSON

/// Holds the newest record of each key, and passes them all on every interval.
///
/// Each key has one block of memory, for the key, the record's own key and its value, which is kept from interval to interval: a
/// record of a key that came lately allocates nothing.
///
/// Thread: consumer.
public final class ConflateTransformer: Transformer {
    struct Settings: Sendable {
        var key: RecordKey
        /// Milliseconds.
        var every: Int64
        var keys: Int
        var memory: Int
        var loneSurrogates: LoneSurrogates
    }

    /// A key that had no record for so many intervals gives its memory back.
    private static let idleIntervals: UInt32 = 64

    private struct Newest {
        var held: HeldRecord
        var timestamp: Int64 = -1
        /// Of the record's own key; -1 when it has none.
        var recordKeyCount: Int32 = -1
        /// -1 for a tombstone.
        var valueCount: Int32 = -1
        /// The interval in which it came.
        var interval: UInt32 = 0
        var isHeld = false
    }

    private let settings: Settings
    private let keys: RecordKeyReader
    private let table = KeyTable()
    /// By the number of the key.
    private var newest: [Newest] = []
    /// Numbers of the keys that have a record to pass on, in the order of their first.
    private var waiting: [Int32] = []
    private var interval: UInt32 = 0

    init(_ settings: Settings) {
        self.settings = settings
        keys = RecordKeyReader(settings.key, loneSurrogates: settings.loneSurrogates)
    }

    public var tickInterval: Duration? { .milliseconds(settings.every) }

    /// Keys that have memory, and how much.
    var memory: (keys: Int, bytes: Int) { (table.count, table.bytes) }

    /// Memory of one key with its record, as far as it is known here: what the system's allocator adds to each block included.
    var bytesPerKey: Int {
        let blocks = table.bytes + 16 * table.count
        let lists = newest.capacity * MemoryLayout<Newest>.stride + waiting.capacity * MemoryLayout<Int32>.stride
        return (blocks + lists + table.overhead) / max(1, table.count)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, topic: batch.topic, into: output) }
    }

    private func transform(_ record: Record, topic: String, into output: EnvelopeWriter) {
        if let rejection = keys.read(record, topic: topic) { return output.reject(record, rejection) }
        take(record, into: output)
    }

    /// Has a record take the place of the one of its key.
    private func take(_ record: Record, into output: EnvelopeWriter) {
        let number = keys.bytes.withUnsafeBytes { bytes in
            let hash = KeyTable.hash(bytes)
            if let known = table.find(bytes, hash: hash) { return known }
            // Rather early than never: all pass on.
            if table.count >= settings.keys { giveOut(into: output, forgetting: true) }
            return table.add(bytes, hash: hash)
        }
        let held = output.hold(record)
        if number >= newest.count {
            if newest.count == newest.capacity { newest.reserveCapacity(newest.count + newest.count / 4 + 16) }
            while newest.count <= number { newest.append(Newest(held: held)) }
        }
        if newest[number].isHeld {
            output.release(newest[number].held)
        } else {
            waiting.append(Int32(number))
        }
        keep(record, held, as: number)
        if table.bytes > settings.memory { giveOut(into: output, forgetting: true) }
    }

    private func keep(_ record: Record, _ held: HeldRecord, as number: Int) {
        let (recordKeyCount, valueCount) = (record.key?.count ?? 0, record.value?.count ?? 0)
        let keyCount = table.keyCount(number)
        table.reserve(keyCount + recordKeyCount + valueCount, for: number)
        if let memory = table.memory(number) {
            if let key = record.key, let base = key.baseAddress { (memory + keyCount).copyMemory(from: base, byteCount: key.count) }
            if let value = record.value, let base = value.baseAddress {
                (memory + keyCount + recordKeyCount).copyMemory(from: base, byteCount: value.count)
            }
        }
        newest[number] = Newest(
            held: held, timestamp: record.timestampMilliseconds,
            recordKeyCount: record.key == nil ? -1 : Int32(clamping: recordKeyCount),
            valueCount: record.value == nil ? -1 : Int32(clamping: valueCount), interval: interval, isHeld: true)
    }

    public func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) {
        giveOut(into: output, forgetting: false)
        interval &+= 1
        if interval % Self.idleIntervals == 0 { forgetIdle() }
    }

    public func flush(into output: EnvelopeWriter) { giveOut(into: output, forgetting: false) }

    /// - Parameter forgetting: whether all keys are forgotten as well, so that there is room for others.
    private func giveOut(into output: EnvelopeWriter, forgetting: Bool) {
        for index in waiting.indices {
            let number = Int(waiting[index])
            let newest = newest[number]
            emit(newest, number, into: output)
            output.release(newest.held)
            self.newest[number].isHeld = false
        }
        waiting.removeAll(keepingCapacity: true)
        guard forgetting else { return }
        if table.bytes > settings.memory {
            table.removeAll()
        } else {
            while let oldest = table.oldest { table.remove(oldest) }
        }
    }

    private func emit(_ newest: Newest, _ number: Int, into output: EnvelopeWriter) {
        guard let memory = table.memory(number) else { return }
        let start = table.keyCount(number)
        let recordKeyCount = Int(max(newest.recordKeyCount, 0))
        let key = newest.recordKeyCount < 0 ? nil : UnsafeRawBufferPointer(start: memory + start, count: recordKeyCount)
        let value =
            newest.valueCount < 0
            ? nil : UnsafeRawBufferPointer(start: memory + start + recordKeyCount, count: Int(newest.valueCount))
        let record = Record(held: newest.held, timestampMilliseconds: newest.timestamp, key: key, value: value)
        if value == nil { output.emitTombstone(record) } else { output.emit(record) }
    }

    private func forgetIdle() {
        var number = table.oldest
        while let current = number {
            number = table.newer(current)
            if !newest[current].isHeld, interval &- newest[current].interval > Self.idleIntervals { table.remove(current) }
        }
        guard table.count == 0 else { return }
        table.removeAll()
        newest = []
    }
}
