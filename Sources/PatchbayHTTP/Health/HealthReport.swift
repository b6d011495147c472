import PatchbayDelivery

/// What `GET /health` answers: whether the router does its job, and if not quite, why.
public struct HealthReport: Sendable, Encodable, Equatable {
    public enum Status: String, Sendable, Encodable {
        /// All is well. HTTP 200.
        case ok
        /// Works, but somebody should look at `reasons`. HTTP 200.
        case degraded
        /// Can't do its job. HTTP 503.
        case unavailable
    }

    /// How one topic is being consumed.
    public struct Topic: Sendable, Encodable, Equatable {
        /// Every state, with its meaning.
        public static let states: [(state: String, meaning: String)] = [
            ("consuming", "records are read"),
            ("waiting", "no partition is assigned yet, or the brokers have not yet said where reading begins"),
            ("unreadable", "the brokers refuse it, or don't know it; `reasons` says why"),
            ("halted", "a route with `on_error: stop` stopped at a record"),
            ("paused", "it waits for the dead-letter topic to accept its refused records"), ("unreachable", "no broker answers"),
            ("stopped", "the consumer ended"),
        ]

        public var topic: String
        /// One of `states`.
        public var state: String
        public var partitions: [Partition]
        public var recordsConsumed: Int64
        public var recordsUnreadable: Int64
        /// Absent while there are none.
        public var recordsDeletedUnread: DeletedUnread?
        /// Record offsets that lie between what was read and what can be read, over all assigned partitions; absent while
        /// unknown.
        public var lag: Int64?

        public init(
            topic: String, state: String, partitions: [Partition], recordsConsumed: Int64, recordsUnreadable: Int64,
            recordsDeletedUnread: DeletedUnread? = nil, lag: Int64?
        ) {
            self.recordsDeletedUnread = recordsDeletedUnread
            self.topic = topic
            self.state = state
            self.partitions = partitions
            self.recordsConsumed = recordsConsumed
            self.recordsUnreadable = recordsUnreadable
            self.lag = lag
        }
    }

    /// Records that the brokers deleted before they were read, since the start of this process.
    public struct DeletedUnread: Sendable, Encodable, Equatable {
        /// Counted in record offsets.
        public var records: Int64
        /// `false` where the topic is compacted or has transactions: some of the offsets never were records.
        public var exact: Bool

        public init(records: Int64, exact: Bool) {
            self.records = records
            self.exact = exact
        }
    }

    /// One assigned partition.
    public struct Partition: Sendable, Encodable, Equatable {
        public var partition: Int32
        /// Offset of the next record to be read; absent until it is known where reading begins.
        public var nextOffset: Int64?
        public var lag: Int64?

        public init(partition: Int32, nextOffset: Int64?, lag: Int64?) {
            self.partition = partition
            self.nextOffset = nextOffset
            self.lag = lag
        }
    }

    /// Records of one route since the start.
    public struct Route: Sendable, Encodable, Equatable {
        public var route: String
        public var recordsIn: Int64
        public var recordsRouted: Int64
        public var recordsFiltered: Int64
        /// Records without a value, where `tombstones` is `ignore`.
        public var tombstonesIgnored: Int64
        /// Records that steps hold now, for later.
        public var recordsHeld: Int64
        /// Records that were held and never handed out.
        public var recordsAbandoned: Int64
        public var recordsRejected: [String: Int64]
        public var recordsDeadLettered: Int64
        public var messages: Int64
        /// Channels that its templates made and that exist now.
        public var templateChannels: Int
        /// The record at which a route with `on_error: stop` stopped; absent while it goes on.
        public var stoppedAt: String?
        /// Plugins among its steps; absent when there are none.
        public var plugins: [Plugin]?
    }

    /// A plugin that does a step's work, since the start.
    public struct Plugin: Sendable, Encodable, Equatable {
        public var transformer: String
        /// Its path.
        public var plugin: String
        /// `router` (native), `process` or `webassembly`.
        public var runsIn: String
        /// Batches of records that it was given.
        public var batches: Int64
        /// Time that they took, new instances and repeated records included.
        public var batchSeconds: Double
        /// Instances that broke or could not be made.
        public var failures: Int64
        /// Instances that were made in place of one that broke.
        public var restarts: Int64
        /// Instances that there are: up to one for each consumer.
        public var instances: Int
        /// What they take beside the router's own memory; absent when there is none, as for native plugins.
        public var memoryBytes: Int?
        /// What broke an instance last, and when; absent while nothing has.
        public var lastFailure: String?
        public var lastFailureAt: String?
        /// Batches in a row that came to nothing, once they are more than three; absent otherwise.
        public var failedBatches: Int?
        /// For how long records are still rejected without it being tried; absent when it isn't paused.
        public var pausedSeconds: Double?
    }

    /// One plainly named channel since the start.
    public struct Channel: Sendable, Encodable, Equatable {
        public var channel: String
        public var subscribers: Int
        public var messages: Int64
        /// Messages dropped for slow subscribers, summed over all of them.
        public var dropped: Int64
        public var bytesRetained: Int
    }

    /// Work of the event loops since the start.
    public struct FanoutSnapshot: Sendable, Encodable, Equatable {
        public var passes: Int64
        public var writes: Int64
        public var bytesWritten: Int64
        public var deliveries: Int64
        public var dropped: Int64
        /// Time spent walking subscribers, in seconds.
        public var passSeconds: Double
    }

    /// Subscriptions whose client doesn't read; at most about a second old.
    public struct Slow: Sendable, Encodable, Equatable {
        /// Subscriptions whose socket is full; some always are for a moment when much is sent.
        public var stalled: Int
        /// Those of them that are further behind than their channel's buffer, and so lose messages.
        public var losing: Int
        /// Messages that the slowest of them is behind.
        public var furthestBehind: Int64
        /// Of the subscriptions that lose messages, those furthest behind; at most ten.
        public var subscriptions: [Subscription]

        /// A subscription that loses messages.
        public struct Subscription: Sendable, Encodable, Equatable {
            /// As in the log, and in the header `X-Connection-Id` of the client's handshake.
            public var connection: String
            /// Who that is: the peer's address, the page's origin or else the program's user agent, and the name that the client
            /// gave itself.
            public var address: String?
            public var origin: String?
            public var userAgent: String?
            public var client: String?
            public var channel: String
            public var behind: Int64
            /// Since when the socket is full.
            public var stalledSeconds: Double
        }
    }

    /// A consumer that doesn't poll because event loops are too far behind with a channel: every topic of its cluster waits.
    public struct Wait: Sendable, Encodable, Equatable {
        public var cluster: String
        /// The channel with more than 8 MiB that an event loop has not handed out.
        public var channel: String
        /// For how long by now, without a poll that needed no waiting.
        public var seconds: Double
    }

    public var status: Status
    /// Sentences for people; empty when `ok`.
    public var reasons: [String]
    /// Sentences about what happened and needs no action, such as where reading began; they don't change the status.
    public var notes: [String]
    /// Open WebSocket connections.
    public var clients: Int
    public var maxClients: Int
    public var configuration: ConfigurationStatus
    public var channels: [Channel]
    public var routes: [Route]
    public var topics: [Topic]
    public var fanout: FanoutSnapshot
    public var slow: Slow
    /// Consumers that wait for event loops, the longest wait first; empty when all is well.
    public var waiting: [Wait]
    /// Now: ISO 8601, UTC, milliseconds.
    public var timestamp: String
    public var uptimeSeconds: Double
}

/// What the source of records says about itself, for the report.
public struct SourceHealth: Sendable {
    /// Reasons why nothing can be consumed.
    public var failures: [String]
    /// Reasons to look, while it works.
    public var warnings: [String]
    public var topics: [HealthReport.Topic]
    /// A sentence for each thread that makes no progress; makes `/health/live` fail.
    public var stuckThreads: [String]
    /// Whether there is something to hand out: `/health/ready` fails without.
    public var isAssigned: Bool
    /// Assigned partitions of which it isn't known yet where reading begins: `/health/ready` fails until there are none,
    /// since what is written to them meanwhile may lie before the start.
    public var partitionsWithoutPosition: Int
    /// What happened and needs no action.
    public var notes: [String]

    public init(
        failures: [String] = [], warnings: [String] = [], topics: [HealthReport.Topic] = [],
        stuckThreads: [String] = [], isAssigned: Bool = true, partitionsWithoutPosition: Int = 0, notes: [String] = []
    ) {
        self.partitionsWithoutPosition = partitionsWithoutPosition
        self.notes = notes
        self.failures = failures
        self.warnings = warnings
        self.topics = topics
        self.stuckThreads = stuckThreads
        self.isAssigned = isAssigned
    }
}
