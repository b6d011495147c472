import PatchbayAPI
import Synchronization

/// A record kept for a closer look: a copy that is valid for as long as it is held.
public struct SampledRecord: Sendable, Equatable {
    public var partition: Int32
    public var recordOffset: Int64
    public var timestampMilliseconds: Int64
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [Header]

    /// One header of a record.
    public struct Header: Sendable, Equatable {
        public var name: String
        public var value: [UInt8]?

        public init(name: String, value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    public init(
        partition: Int32 = 0, recordOffset: Int64 = 0, timestampMilliseconds: Int64 = -1, key: [UInt8]?, value: [UInt8]?,
        headers: [Header] = []
    ) {
        self.partition = partition
        self.recordOffset = recordOffset
        self.timestampMilliseconds = timestampMilliseconds
        self.key = key
        self.value = value
        self.headers = headers
    }

    init(copying record: Record) {
        var headers: [Header] = []
        record.headers.forEach { name, value in headers.append(Header(name: name, value: value.map { Array($0) })) }
        self.init(
            partition: record.partition, recordOffset: record.recordOffset,
            timestampMilliseconds: record.timestampMilliseconds, key: record.key.map { Array($0) },
            value: record.value.map { Array($0) }, headers: headers)
    }

    /// Lends it as a consumer thread would.
    func withRecord<Result>(_ body: (Record) -> Result) -> Result {
        lend(key) { key in
            lend(value) { value in
                withHeaders { headers in
                    body(
                        Record(
                            partition: partition, recordOffset: recordOffset,
                            timestampMilliseconds: timestampMilliseconds, key: key, value: value, headers: headers))
                }
            }
        }
    }

    private func lend<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        guard let bytes else { return body(nil) }
        return bytes.withUnsafeBytes { body($0) }
    }

    private func withHeaders<Result>(_ body: (RecordHeaders) -> Result) -> Result {
        guard !headers.isEmpty else { return body(.none) }
        let box = HeaderBox(headers)
        return withExtendedLifetime(box) {
            body(
                RecordHeaders(of: OpaquePointer(Unmanaged.passUnretained(box).toOpaque()), reader: HeaderBox.self))
        }
    }
}

/// Headers in memory that stays in place.
private final class HeaderBox: RecordHeaderReader {
    private let entries: [(name: String, value: UnsafeMutableRawBufferPointer?)]

    init(_ headers: [SampledRecord.Header]) {
        entries = headers.map { header in
            guard let value = header.value else { return (header.name, nil) }
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: value.count, alignment: 1)
            memory.copyBytes(from: value)
            return (header.name, memory)
        }
    }

    deinit { for entry in entries { entry.value?.deallocate() } }

    private static func box(_ owner: OpaquePointer) -> HeaderBox {
        Unmanaged<HeaderBox>.fromOpaque(UnsafeRawPointer(owner)).takeUnretainedValue()
    }

    static func last(named name: String, of owner: OpaquePointer) -> UnsafeRawBufferPointer? {
        box(owner).entries.last { $0.name == name }?.value.map { UnsafeRawBufferPointer($0) }
    }

    static func forEach(of owner: OpaquePointer, _ visit: RecordHeaders.Visitor) {
        for entry in box(owner).entries { visit(entry.name, entry.value.map { UnsafeRawBufferPointer($0) }) }
    }
}

/// The last records of each topic, for looking at what a change of the routes would do to them.
///
/// Copying is bounded: above `copiesPerSecond` the ring holds the latest of some of the records.
///
/// Thread: any; consumer threads add, one lock per batch.
final class RecordSamples: Sendable {
    /// Records held per topic.
    static let perTopic = 20
    /// A record larger than this is not held. Bytes.
    static let largestRecord = 64 << 10
    /// Topics held; the names of topics are the brokers' affair.
    static let maximumTopics = 1000
    /// Records copied per topic and second at the most.
    static let copiesPerSecond = 1000

    struct TopicID: Hashable {
        let cluster: String
        let topic: String
    }

    private struct Ring {
        var records: [SampledRecord] = []
        var next = 0
    }

    private let rings = Mutex<[TopicID: Ring]>([:])

    /// Keeps the last `count` records of the batch.
    func add(_ batch: borrowing RecordBatch, last count: Int, cluster: String) {
        let records = batch.records
        let id = TopicID(cluster: cluster, topic: batch.topic)
        rings.withLock { rings in
            guard rings[id] != nil || rings.count < Self.maximumTopics else { return }
            var ring = rings.removeValue(forKey: id) ?? Ring()
            for record in records.suffix(count) {
                guard (record.value?.count ?? 0) + (record.key?.count ?? 0) <= Self.largestRecord else { continue }
                let sample = SampledRecord(copying: record)
                if ring.records.count < Self.perTopic {
                    ring.records.append(sample)
                } else {
                    ring.records[ring.next] = sample
                    ring.next = (ring.next + 1) % Self.perTopic
                }
            }
            rings[id] = ring
        }
    }

    /// The oldest first.
    var all: [(id: TopicID, records: [SampledRecord])] {
        rings.withLock { rings in
            rings.map { id, ring in (id, Array(ring.records[ring.next...] + ring.records[..<ring.next])) }
        }
    }
}

/// How many records of one topic may be copied now.
///
/// Thread: consumer.
struct SampleBudget {
    private var window: Int64 = 0
    private var copies = 0

    /// How many of `count` records to copy.
    mutating func take(_ count: Int, nowMilliseconds now: Int64) -> Int {
        if now / 1000 != window {
            window = now / 1000
            copies = 0
        }
        let granted = min(count, RecordSamples.perTopic, RecordSamples.copiesPerSecond - copies)
        copies += granted
        return granted
    }
}
