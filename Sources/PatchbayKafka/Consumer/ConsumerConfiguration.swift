/// What one consumer thread reads and how.
public struct ConsumerConfiguration: Sendable {
    /// `host:port`, at least one.
    public var brokers: [String]
    /// The consumer group whose committed offsets are continued.
    public var groupID: String
    /// Topic names; one that starts with `^` is a regular expression (POSIX extended, as librdkafka matches it).
    public var topics: [String]
    /// librdkafka properties; they win over Patchbay's defaults. Check them with `KafkaProperties.validate`.
    public var properties: [(name: String, value: String)]
    /// How many records one poll hands on at most. Values outside 1...10,000 are brought into that range.
    public var batchSize: Int
    /// How long a poll waits for a first record, milliseconds; a record that arrives ends the wait at once. It bounds
    /// how long `stop()` and `updateTopics` wait to be noticed. Brought into 1...1,000.
    public var pollTimeoutMilliseconds: Int
    /// After how long without an answer the group is asked again by a new client; `nil` for never. Only for an embedded
    /// Kafka, which forgets a join when it loses the member meanwhile: real coordinators may rightly take minutes.
    public var rejoinsAfter: Duration?
    /// How often brokers are asked what topics there are.
    var metadataIntervals = MetadataSchedule.Intervals()
    /// How long an answer to that is waited for; not by the thread that records flow through.
    var metadataPatience = Duration.seconds(2)

    public init(
        brokers: [String],
        groupID: String,
        topics: [String],
        properties: [(name: String, value: String)] = [],
        batchSize: Int = 100,
        pollTimeoutMilliseconds: Int = 100,
        rejoinsAfter: Duration? = nil
    ) {
        self.rejoinsAfter = rejoinsAfter
        self.brokers = brokers
        self.groupID = groupID
        self.topics = topics
        self.properties = properties
        self.batchSize = min(max(batchSize, 1), 10_000)
        self.pollTimeoutMilliseconds = min(max(pollTimeoutMilliseconds, 1), 1_000)
    }
}

/// What Patchbay sets where the operator sets nothing; documented in librdkafka's CONFIGURATION.md.
package enum ConsumerDefaults {
    package static let properties = ofAnyLibrary + ofNewerLibraries

    private static let ofAnyLibrary: [(name: String, value: String)] = [
        ("client.id", "patchbay"),
        // A live feed: a group that was never here before starts now, not with last week. A group with committed
        // offsets continues there.
        ("auto.offset.reset", "latest"),
        // Topics come and go at every reload, and the others must not stand still for that: with the eager strategies
        // every change of the list takes all partitions away for the length of a rebalance.
        ("partition.assignment.strategy", "cooperative-sticky"),
        // A misspelt topic must show up as missing, not spring into existence.
        ("allow.auto.create.topics", "false"),
        // Behind records, on their connections. What is new is noticed by `MetadataSchedule`, sooner and on others.
        ("topic.metadata.refresh.interval.ms", "300000"),
        // Exponential back-off with jitter while brokers are away.
        ("reconnect.backoff.ms", "100"),
        // One process per cluster and not thousands: what brokers gain by less is not worth what clients wait after an outage.
        ("reconnect.backoff.max.ms", "2000"),
        // How long partitions stand still after a crash, or after an outage in which the group's coordinator restarted.
        // librdkafka's 45 s are for consumers that may stop for long; this one sends its heartbeats from a thread of
        // librdkafka's whatever else it does.
        ("session.timeout.ms", "10000"),
        // How often the thread commits; after a crash at most this much is seen twice.
        ("auto.commit.interval.ms", "1000"),
        // With the defaults (100,000 and 64 MiB) catching up stood still more often, in twice the memory; see `FetchWakeups`.
        ("queued.min.messages", "300000"),
        ("queued.max.messages.kbytes", "32768"),
        // Fetch requests are small and latency counts.
        ("socket.nagle.disable", "true"),
    ]

    /// A second, by itself; see `FetchWakeups`.
    private static let ofNewerLibraries: [(name: String, value: String)] =
        FetchWakeups.areNeeded ? [] : [("fetch.queue.backoff.ms", "20")]

    /// The value in effect: the operator's, else Patchbay's; `nil` when librdkafka's own default holds.
    static func value(of name: String, in properties: [(name: String, value: String)]) -> String? {
        properties.last { $0.name == name }?.value ?? Self.properties.first { $0.name == name }?.value
    }

    /// Topics that Kafka keeps for itself are left out of patterns, besides those that the operator leaves out; `nil` where
    /// no pattern could take any.
    static func blacklist(_ topics: [String], in properties: [(name: String, value: String)]) -> String? {
        let own = properties.last { $0.name == "topic.blacklist" }?.value
        let all = [own, InternalTopics.blacklist(for: topics)].compactMap { $0 }.filter { !$0.isEmpty }
        return all.isEmpty ? nil : all.joined(separator: ",")
    }

    /// What the thread's way of working depends on.
    static func required(_ configuration: ConsumerConfiguration) -> [(name: String, value: String)] {
        [
            ("bootstrap.servers", configuration.brokers.joined(separator: ",")),
            ("group.id", configuration.groupID),
            ("enable.auto.offset.store", "false"),
            // Positions are committed by the thread itself; see `CommitSchedule`.
            ("enable.auto.commit", "false"),
            // Says when the group changes; see `ConsumerCallbacks`.
            (
                "debug",
                (configuration.properties.filter { $0.name == "debug" && !$0.value.isEmpty }.map(\.value) + ["cgrp"]).joined(separator: ",")
            ),
            // Tells when all there is has been read, be the last of it no record.
            ("enable.partition.eof", "true"),
            // Of a partition that is being read: positions that the log doesn't reach, or no longer. Where a group begins
            // is decided by `StartDecision`, which takes the operator's setting.
            ("auto.offset.reset", "earliest"),
        ]
    }
}
