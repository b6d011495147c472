import PatchbayDelivery

/// How consumption goes, in numbers, cluster by cluster.
public struct ConsumptionSnapshot: Sendable {
    /// One cluster's consumer.
    public struct Cluster: Sendable {
        public var name: String
        public var isReachable: Bool
        /// How often the consumer had to be recreated.
        public var restarts: Int
        /// Commits that the brokers refused.
        public var commitFailures: Int
        /// For how long brokers have delayed answers because of a quota, in all.
        public var throttledMilliseconds: UInt64
        /// The longest such delay now.
        public var throttleMilliseconds: Int
        public var topics: [Topic]

        public init(
            name: String, isReachable: Bool, restarts: Int, commitFailures: Int = 0, throttledMilliseconds: UInt64 = 0,
            throttleMilliseconds: Int = 0, topics: [Topic]
        ) {
            self.throttledMilliseconds = throttledMilliseconds
            self.throttleMilliseconds = throttleMilliseconds
            self.name = name
            self.isReachable = isReachable
            self.restarts = restarts
            self.commitFailures = commitFailures
            self.topics = topics
        }
    }

    public struct Topic: Sendable {
        public var topic: String
        /// All partitions of the topic; `nil` while unknown.
        public var partitionCount: Int?
        /// The partitions read here.
        public var partitions: [Partition]
        public var records: UInt64
        public var unreadable: UInt64
        /// Records that were deleted before they were read.
        public var skipped: UInt64

        public init(
            topic: String, partitionCount: Int?, partitions: [Partition], records: UInt64, unreadable: UInt64,
            skipped: UInt64
        ) {
            self.topic = topic
            self.partitionCount = partitionCount
            self.partitions = partitions
            self.records = records
            self.unreadable = unreadable
            self.skipped = skipped
        }
    }

    public struct Partition: Sendable {
        public var partition: Int32
        /// Records; `nil` while unknown.
        public var lag: Int64?

        public init(partition: Int32, lag: Int64?) {
            self.partition = partition
            self.lag = lag
        }
    }

    public var clusters: [Cluster]

    public init(clusters: [Cluster] = []) { self.clusters = clusters }
}

/// Alerts that are on, and what became of telling somebody.
public struct AlertSnapshot: Sendable {
    public var active: [(alert: String, cluster: String, topic: String)]
    public var webhookSent: Int64
    public var webhookFailed: Int64
    public var webhookDropped: Int64

    public init(
        active: [(alert: String, cluster: String, topic: String)] = [], webhookSent: Int64 = 0, webhookFailed: Int64 = 0,
        webhookDropped: Int64 = 0
    ) {
        self.active = active
        self.webhookSent = webhookSent
        self.webhookFailed = webhookFailed
        self.webhookDropped = webhookDropped
    }
}
