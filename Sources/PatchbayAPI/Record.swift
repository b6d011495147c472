/// One consumed Kafka record, borrowed from the consumer's memory.
///
/// Every pointer is valid only until the call that handed the record out returns; copy what must live longer.
/// The type is not `Sendable` for that reason.
///
/// Thread: consumer.
public struct Record {
    /// Partition the record was read from.
    public let partition: Int32
    /// For a record that was held: which topic it is from, by a number of the router's. -1, the batch's own, for all others.
    package let heldTopic: Int32
    /// Position in the partition. Never to be confused with a channel offset.
    public let recordOffset: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z as set by the producer or the broker; -1 when the record has none.
    public let timestampMilliseconds: Int64
    /// The record's key, `nil` when it has none.
    public let key: UnsafeRawBufferPointer?
    /// The record's value, `nil` for a tombstone. A tombstone is a legal record.
    public let value: UnsafeRawBufferPointer?
    /// The record's headers, read only when asked for.
    public let headers: RecordHeaders

    public init(
        partition: Int32,
        recordOffset: Int64,
        timestampMilliseconds: Int64,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: RecordHeaders = .none
    ) {
        self.partition = partition
        heldTopic = -1
        self.recordOffset = recordOffset
        self.timestampMilliseconds = timestampMilliseconds
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// A record that was held, as its step hands it on: with bytes that it has kept, and without headers.
    public init(
        held: HeldRecord, timestampMilliseconds: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
    ) {
        self.init(
            partition: held.partition, heldTopic: held.topic, recordOffset: held.recordOffset,
            timestampMilliseconds: timestampMilliseconds, key: key, value: value, headers: .none)
    }

    private init(
        partition: Int32, heldTopic: Int32, recordOffset: Int64, timestampMilliseconds: Int64, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?, headers: RecordHeaders
    ) {
        self.partition = partition
        self.heldTopic = heldTopic
        self.recordOffset = recordOffset
        self.timestampMilliseconds = timestampMilliseconds
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// Stands for no record: what a transformer emits when time has passed belongs to none.
    public static var none: Record {
        Record(partition: -1, recordOffset: -1, timestampMilliseconds: -1, key: nil, value: nil)
    }

    /// The same coordinates with another value: what the next transformer of a chain sees.
    public func with(value: UnsafeRawBufferPointer?) -> Record { with(key: key, value: value) }

    package func with(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) -> Record {
        Record(
            partition: partition, heldTopic: heldTopic, recordOffset: recordOffset, timestampMilliseconds: timestampMilliseconds,
            key: key, value: value, headers: headers)
    }
}

/// Reads the headers of a kind of record: of librdkafka's messages, of copies kept for a closer look.
///
/// Called through its type, not an instance, so that a `Record` owns nothing and copying one is copying bytes.
///
/// Thread: the record's holder's.
public protocol RecordHeaderReader {
    /// The value of the last header of that name, `nil` when there is none, or when it is null.
    ///
    /// - Parameter owner: what the `RecordHeaders` were made with; not to be kept.
    static func last(named name: String, of owner: OpaquePointer) -> UnsafeRawBufferPointer?

    /// Hands out every header in order, also those whose name occurs again.
    ///
    /// - Parameter owner: what the `RecordHeaders` were made with; not to be kept.
    static func forEach(of owner: OpaquePointer, _ visit: RecordHeaders.Visitor)
}

/// Lazy access to a record's headers: nothing is parsed until they are asked for.
///
/// Thread: consumer. Valid as long as its record.
public struct RecordHeaders {
    /// A record without headers.
    public static var none: RecordHeaders { RecordHeaders() }

    /// Takes one header: its name, and its value, `nil` for a null.
    public typealias Visitor = (_ name: String, _ value: UnsafeRawBufferPointer?) -> Void

    private let source: (owner: OpaquePointer, reader: any RecordHeaderReader.Type)?

    private init() { source = nil }

    /// - Parameters:
    ///   - owner: what the headers are read from; outlives the record.
    ///   - reader: knows how.
    public init(of owner: OpaquePointer, reader: any RecordHeaderReader.Type) { source = (owner, reader) }

    /// Hands out every header in order, also those whose name occurs again. Off the hot path: it builds strings.
    public func forEach(_ body: Visitor) {
        if let source { source.reader.forEach(of: source.owner, body) }
    }

    /// The value of the last header of that name, `nil` when there is none.
    public func last(named name: String) -> UnsafeRawBufferPointer? {
        guard let source else { return nil }
        return source.reader.last(named: name, of: source.owner)
    }
}

/// Records of one topic, in partition order, as they came out of one poll.
///
/// Thread: consumer. Borrowed: valid until the call that received it returns.
public struct RecordBatch: ~Copyable {
    /// Topic of every record of the batch.
    public let topic: String
    /// The records, in the order in which they were consumed.
    public let records: UnsafeBufferPointer<Record>

    public init(topic: String, records: UnsafeBufferPointer<Record>) {
        self.topic = topic
        self.records = records
    }
}

/// Where a consumer thread hands its batches: the seam between a source of records and the router.
///
/// One instance belongs to one consumer thread and is created on it; it needs no locks.
///
/// Thread: consumer.
public protocol RecordProcessor: AnyObject {
    /// Routes one batch.
    ///
    /// - Returns: how many records, from the front, are in a channel log, or rejected and counted: their record offsets
    ///   may be stored for commit. Fewer than all means that the topic is halted at the next record, because no route
    ///   takes the topic any more or a route is configured to stop at a bad record: the source must not hand out
    ///   records of the topic, seek back to those that were not taken, and begin again once it is told that the routes
    ///   have changed.
    func process(_ batch: borrowing RecordBatch) -> Int

    /// Called once after all batches of a poll: wakes the readers that wait for the new messages, and blocks for a bounded
    /// time when readers are so far behind that polling on would lose messages (back-pressure is "not polling yet").
    func finishPoll()

    /// Whether `finishPoll` is to be called after polls that brought nothing, too: somebody waits for time to pass.
    var wantsTicks: Bool { get }

    /// Whether something promised for records of this topic that `process` took (a dead letter, or a message that a step
    /// keeps for later) is still under way: their offsets must not be committed yet. Asked after every batch and, while it is
    /// `true`, at every poll: never waits.
    func hasPending(_ topic: String) -> Bool

    /// By partition, the lowest record offset that must not be committed yet. Asked before a commit, while `hasPending`.
    func lowestPendingOffsets(_ topic: String) -> [Int32: Int64]

    /// Whether what is under way takes so long, or is so much, that the topic should be paused until `hasPending`
    /// is `false`.
    func wantsPause(_ topic: String) -> Bool

    /// Hands out what steps keep for later: partitions are about to be given up, or the thread ends. Before the last commit;
    /// `finishPoll` follows.
    func flush()

    /// The partition is another member's from now on, or nobody's: what is still kept of its records holds back no commit any more.
    func gaveUp(_ topic: String, partition: Int32)

    /// For people: what the records of a topic are held for; `nil` when they are not.
    func pendingReason(_ topic: String) -> String?
}

extension RecordProcessor {
    public var wantsTicks: Bool { false }
    public func hasPending(_ topic: String) -> Bool { false }
    public func lowestPendingOffsets(_ topic: String) -> [Int32: Int64] { [:] }
    public func wantsPause(_ topic: String) -> Bool { false }
    public func flush() {}
    public func gaveUp(_ topic: String, partition: Int32) {}
    public func pendingReason(_ topic: String) -> String? { nil }
}
