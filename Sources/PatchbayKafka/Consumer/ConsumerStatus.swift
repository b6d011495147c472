/// How a consumer thread is doing: a snapshot, taken at any time from any thread.
public struct ConsumerStatus: Sendable, Equatable {
    public enum State: String, Sendable {
        /// Not connected yet, because it has only begun.
        case starting
        /// No broker can be reached; librdkafka keeps trying.
        case connecting
        /// Connected, and reads no partition: the group is rebalancing, the topics don't exist yet, the group has more
        /// members than partitions, or it isn't known yet where reading begins.
        case waitingForAssignment
        case consuming
        /// `stop()` ended it.
        case stopped
        /// librdkafka gave up; the consumer is recreated after a pause. See `lastError`.
        case failed
    }

    public struct Failure: Sendable, Equatable {
        public let message: String
        /// Wall clock, milliseconds since 1970.
        public let atMilliseconds: Int64
    }

    public internal(set) var state: State = .starting
    /// Whether a broker answered when last asked, or sent anything since.
    public internal(set) var brokersReachable = false
    /// Why brokers can't be used, in a sentence that says what to change; `nil` when that isn't known, or records can be
    /// read all the same.
    public internal(set) var connectionProblem: String?
    /// While the group is waited for: why, as far as that is known; `nil` when it isn't, or only for a moment.
    public internal(set) var joinProblem: String?
    /// That another member has the same `group.instance.id`; `nil` when none took this one's place lately.
    public internal(set) var identityConflict: String?
    /// Brokers of the cluster, as last told by one of them.
    public internal(set) var brokersKnown = 0
    public internal(set) var lastError: Failure?
    /// How often the consumer had to be recreated.
    public internal(set) var recreations = 0
    /// Commits that the brokers refused, or didn't answer in time.
    public internal(set) var commitFailures = 0
    /// Why positions of partitions that are read here couldn't be committed the last time; `nil` once they are.
    public internal(set) var commitProblem: String?
    /// Brokers that hold back their answers because of a quota, by identifier, with how long the last time, milliseconds.
    public internal(set) var throttles: [Int32: Int] = [:]
    /// The sum of all such delays since the start.
    public internal(set) var throttledMilliseconds: UInt64 = 0

    /// Subscribed topics in the order of the configuration, then others (matches of regular expressions) by name.
    public internal(set) var topics: [TopicStatus] = []

    /// Records that the processor took.
    public internal(set) var records: UInt64 = 0
    /// Bytes of their keys and values.
    public internal(set) var bytes: UInt64 = 0
    /// Records that couldn't be read.
    public internal(set) var badRecords: UInt64 = 0
    /// Wall clock, milliseconds since 1970; `nil` before the first record.
    public internal(set) var lastRecordAtMilliseconds: Int64?
    /// When the thread last came round its loop, or back from a call that blocks.
    public internal(set) var lastLoopTurn: ContinuousClock.Instant = .now
    /// While the thread is in a call that may block for a known time, such as a commit: when it is due back at the latest.
    var isDueAt: ContinuousClock.Instant?
    /// Whether records may be in the processor's hands; `false` once a stop has tried to commit them.
    var isProcessing = true
    /// Whether that commit succeeded.
    var isCommitted = false

    /// For how long the thread has shown no sign of life that it owed: zero while it waits lawfully.
    public func silence(at now: ContinuousClock.Instant = .now) -> Duration {
        max(.zero, now - max(lastLoopTurn, isDueAt ?? lastLoopTurn))
    }

    public init() {}
}

public struct TopicStatus: Sendable, Equatable {
    public let topic: String
    /// What is wrong with the topic as a whole, such as that it doesn't exist; `nil` when nothing is.
    public internal(set) var problem: String?
    /// All partitions of the topic, `nil` while unknown. More than `assigned` means that other members of the group
    /// receive the rest.
    public internal(set) var partitionCount: Int?
    /// The partitions this thread reads, by number.
    public internal(set) var assigned: [PartitionStatus] = []
    /// Records that the processor took since the thread started, including those of partitions since revoked.
    public internal(set) var records: UInt64 = 0
    public internal(set) var badRecords: UInt64 = 0
    /// Record offsets that were deleted at the broker, by retention, before they could be read.
    public internal(set) var recordsSkipped: UInt64 = 0
    /// Whether each of them surely was a record. Where the topic is compacted or has transactions, some never were, so
    /// that the number is an upper bound.
    public internal(set) var recordsSkippedIsExact = true
    /// Partitions whose record offsets began again while this process ran, because the topic was recreated.
    public internal(set) var recreated: [Int32] = []
    /// Partitions in which the group had no position when reading of them began, be it at the beginning or the end.
    public internal(set) var withoutPosition: [Int32] = []
    /// Record offsets that lie before those starts and are not read.
    public internal(set) var recordsBeforeStart: Int64 = 0
    /// Whether the processor didn't take a record: the topic is halted until `updateTopics(_:)` or
    /// `resumeHalted()`.
    public internal(set) var isHalted = false
    /// Why records that the processor took are not committed yet, and the topic is paused; `nil` when it isn't.
    public internal(set) var pendingReason: String?

    public init(topic: String) { self.topic = topic }
}

public struct PartitionStatus: Sendable, Equatable {
    public let partition: Int32
    /// Offset of the next record to process, also the one to be committed; `nil` while it isn't known where reading
    /// begins, and so nothing is read.
    public internal(set) var position: Int64?
    /// Offset of the oldest record that the broker still has, as of its last answer; `nil` until it sent one.
    public internal(set) var lowWatermark: Int64?
    /// Where the log ends for us, about a second old: for `isolation.level: read_committed` (the default) at the first
    /// record of a transaction that is still open. `nil` until the broker told.
    public internal(set) var end: Int64?
    /// Whether the brokers refuse it, as the topic's `problem` says.
    public internal(set) var isRefused = false
    /// Records that the processor took since this assignment.
    public internal(set) var records: UInt64 = 0

    /// Record offsets between `position` and `end`; `nil` while either is unknown.
    public var lag: Int64? {
        guard let position, let end else { return nil }
        return max(0, end - position)
    }
}
