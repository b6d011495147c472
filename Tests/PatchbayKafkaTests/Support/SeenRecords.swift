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
        /// Every header as `name=value`, `name` alone for a null.
        var headers: [String] = []
    }

    private let storage = Mutex<[Seen]>([])
    private let polls = Mutex(0)
    private let isHolding = Mutex(false)
    private let givenUp = Mutex<[String]>([])
    private let refuses = Mutex<@Sendable (Seen) -> Bool>({ _ in false })

    var all: [Seen] { storage.withLock { $0 } }
    var count: Int { storage.withLock { $0.count } }
    var values: [String] { all.compactMap(\.value) }
    var finishedPolls: Int { polls.withLock { $0 } }

    /// Values of one partition in the order they came.
    func values(partition: Int32) -> [String] { all.filter { $0.partition == partition }.compactMap(\.value) }

    func offsets(_ topic: String = "orders", partition: Int32) -> [Int64] {
        all.filter { $0.topic == topic && $0.partition == partition }.map(\.offset)
    }

    func count(of topic: String) -> Int { storage.withLock { $0.count { $0.topic == topic } } }

    /// From now on the processor takes records up to the first for which this holds.
    func refuse(_ condition: @escaping @Sendable (Seen) -> Bool) { refuses.withLock { $0 = condition } }

    func takeAll() { refuse { _ in false } }

    /// From now on the processor keeps what it takes, until it is told to flush, or is let go.
    func holdBack() { isHolding.withLock { $0 = true } }

    func letGo() { isHolding.withLock { $0 = false } }

    /// Partitions that were given up, as `topic/partition`.
    var partitionsGivenUp: [String] { givenUp.withLock { $0 } }

    /// A processor that adds to this.
    func makeProcessor() -> any RecordProcessor { Processor(self) }

    private final class Processor: RecordProcessor {
        let seen: SeenRecords
        private var held: [Seen] = []

        init(_ seen: SeenRecords) { self.seen = seen }

        var wantsTicks: Bool { !held.isEmpty }

        func hasPending(_ topic: String) -> Bool { held.contains { $0.topic == topic } }

        func lowestPendingOffsets(_ topic: String) -> [Int32: Int64] {
            Dictionary(held.filter { $0.topic == topic }.map { ($0.partition, $0.offset) }, uniquingKeysWith: min)
        }

        func flush() {
            let held = held
            seen.storage.withLock { $0 += held }
            self.held = []
        }

        func gaveUp(_ topic: String, partition: Int32) { seen.givenUp.withLock { $0.append("\(topic)/\(partition)") } }

        func process(_ batch: borrowing RecordBatch) -> Int {
            let topic = batch.topic
            let refuses = seen.refuses.withLock { $0 }
            var copies: [Seen] = []
            for record in batch.records {
                var headers: [String] = []
                record.headers.forEach { name, value in headers.append(name + (text(value).map { "=\($0)" } ?? "")) }
                let copy = Seen(
                    topic: topic, partition: record.partition, offset: record.recordOffset,
                    timestamp: record.timestampMilliseconds, key: text(record.key), value: text(record.value),
                    kind: text(record.headers.last(named: "kind")), headers: headers)
                if refuses(copy) { break }
                copies.append(copy)
            }
            if seen.isHolding.withLock({ $0 }) { held += copies } else { seen.storage.withLock { $0 += copies } }
            return copies.count
        }

        func finishPoll() {
            if !seen.isHolding.withLock({ $0 }), !held.isEmpty { flush() }
            seen.polls.withLock { $0 += 1 }
        }

        private func text(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    }
}
