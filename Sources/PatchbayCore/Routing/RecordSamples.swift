import DequeModule
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

extension SampledRecord {
    /// Memory that it takes, with all its parts. Bytes, about.
    var byteCount: Int {
        // Two strings' and arrays' worth of bookkeeping per header, about as much for the rest.
        headers.reduce(128 + (key?.count ?? 0) + (value?.count ?? 0)) {
            $0 + 80 + $1.name.utf8.count + ($1.value?.count ?? 0)
        }
    }
}

/// The last records of each topic, for looking at what a change of the routes would do to them.
///
/// Memory has one bound for all topics together; when it is reached, the topics that hold most give theirs up first.
/// Copying is bounded, too: above `copiesPerSecond` the latest of some of the records are held.
///
/// Thread: any; consumer threads add, one lock per batch. Records are copied before the lock is taken.
final class RecordSamples: Sendable {
    /// Records held per topic.
    static let perTopic = 20
    /// A record that takes more than this, with its headers, is not held. Bytes.
    static let largestRecord = 64 << 10
    /// What all records held may take together. Bytes.
    static let mostBytes = 16 << 20
    /// Topics held; the names of topics are the brokers' affair. The one that had no record for longest makes room.
    static let maximumTopics = 1000
    /// Records copied per topic and second at the most.
    static let copiesPerSecond = 1000

    struct TopicID: Hashable {
        let cluster: String
        let topic: String
    }

    private struct Samples {
        /// The oldest first.
        var records: Deque<SampledRecord> = []
        var bytes = 0
        /// The turn in which it last grew.
        var turn = 0

        /// Drops the oldest until no more than `count` are left.
        mutating func keep(_ count: Int) {
            while records.count > max(0, count) { bytes -= records.removeFirst().byteCount }
        }
    }

    private struct State {
        var topics: [TopicID: Samples] = [:]
        var bytes = 0
        var turn = 0
    }

    private let state = Mutex(State())

    /// What all records held take now. Bytes.
    var byteCount: Int { state.withLock { $0.bytes } }

    /// Keeps the last `count` records of the batch.
    func add(_ batch: borrowing RecordBatch, last count: Int, cluster: String) {
        var copies: [SampledRecord] = []
        for record in batch.records.suffix(min(count, Self.perTopic)) {
            // Looked at before it is copied; headers are counted once they are read.
            guard (record.value?.count ?? 0) + (record.key?.count ?? 0) <= Self.largestRecord else { continue }
            let copy = SampledRecord(copying: record)
            if copy.byteCount <= Self.largestRecord { copies.append(copy) }
        }
        guard !copies.isEmpty else { return }
        let id = TopicID(cluster: cluster, topic: batch.topic)
        state.withLock { state in
            if state.topics[id] == nil, state.topics.count >= Self.maximumTopics { Self.dropQuietest(&state) }
            state.turn += 1
            var samples = state.topics.removeValue(forKey: id) ?? Samples()
            state.bytes -= samples.bytes
            samples.keep(Self.perTopic - copies.count)
            for copy in copies {
                samples.records.append(copy)
                samples.bytes += copy.byteCount
            }
            samples.turn = state.turn
            state.bytes += samples.bytes
            state.topics[id] = samples
            while state.bytes > Self.mostBytes { Self.halveLargest(&state) }
        }
    }

    private static func dropQuietest(_ state: inout State) {
        guard let quietest = state.topics.min(by: { $0.value.turn < $1.value.turn }) else { return }
        state.bytes -= quietest.value.bytes
        state.topics[quietest.key] = nil
    }

    private static func halveLargest(_ state: inout State) {
        guard let id = state.topics.max(by: { $0.value.bytes < $1.value.bytes })?.key,
            var samples = state.topics.removeValue(forKey: id)
        else { return }
        state.bytes -= samples.bytes
        samples.keep(samples.records.count / 2)
        state.bytes += samples.bytes
        if !samples.records.isEmpty { state.topics[id] = samples }
    }

    /// The oldest first.
    var all: [(id: TopicID, records: [SampledRecord])] {
        state.withLock { state in state.topics.map { id, samples in (id, Array(samples.records)) } }
    }
}

/// How many records of one topic may be copied now.
///
/// Thread: consumer.
struct SampleBudget {
    private var window: Int64 = 0
    private var copies = 0

    /// How many of `count` records to copy.
    mutating func take(_ count: Int, monotonicMilliseconds now: Int64) -> Int {
        if now / 1000 != window {
            window = now / 1000
            copies = 0
        }
        let granted = min(count, RecordSamples.perTopic, RecordSamples.copiesPerSecond - copies)
        copies += granted
        return granted
    }
}
