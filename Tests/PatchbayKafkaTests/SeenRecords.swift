import PatchbayAPI
import Synchronization

/// What a test's consumers have been handed, copied out.
final class SeenRecords: Sendable {
    struct Seen: Sendable, Equatable {
        var topic: String
        var partition: Int32
        var offset: Int64
        var timestamp: Int64
        var key: String?
        var value: String?
        var kind: String?
    }

    private let storage = Mutex<[Seen]>([])
    private let polls = Mutex(0)

    var all: [Seen] { storage.withLock { $0 } }
    var count: Int { storage.withLock { $0.count } }
    var values: [String] { all.compactMap(\.value) }
    var finishedPolls: Int { polls.withLock { $0 } }

    /// Values of one partition in the order they came.
    func values(partition: Int32) -> [String] { all.filter { $0.partition == partition }.compactMap(\.value) }

    /// A processor that adds to this.
    func makeProcessor() -> any RecordProcessor { Processor(self) }

    private final class Processor: RecordProcessor {
        let seen: SeenRecords

        init(_ seen: SeenRecords) { self.seen = seen }

        func process(_ batch: borrowing RecordBatch) {
            let topic = batch.topic
            let copies = batch.records.map { record in
                Seen(
                    topic: topic, partition: record.partition, offset: record.recordOffset,
                    timestamp: record.timestampMilliseconds, key: text(record.key), value: text(record.value),
                    kind: text(record.headers.last(named: "kind")))
            }
            seen.storage.withLock { $0 += copies }
        }

        func finishPoll() { seen.polls.withLock { $0 += 1 } }

        private func text(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    }
}
