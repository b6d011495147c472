import Logging
import PatchbayConfig
import PatchbayCore
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import Synchronization

/// One consumer per cluster that routes read from, kept in step with the configuration.
///
/// Thread: any; `apply` one at a time.
final class ClusterConsumers: Sendable {
    private struct Running {
        let settings: KafkaSettings
        var topics: [String]
        let thread: ConsumerThread
    }

    private let router: RoutingHub
    private let extraProperties: [(name: String, value: String)]
    private let livenessThreshold: Duration
    private let rejoinsAfter: Duration?
    private let logger: Logger
    private let running = Mutex<[Running]>([])

    /// - Parameters:
    ///   - extraProperties: librdkafka properties that hold unless the file sets them.
    ///   - rejoinsAfter: see `ConsumerConfiguration.rejoinsAfter`.
    ///   - livenessThreshold: a thread without a sign of life for this long is stuck; zero, and none ever is.
    init(
        router: RoutingHub, extraProperties: [(name: String, value: String)], rejoinsAfter: Duration? = nil,
        livenessThreshold: Duration, logger: Logger
    ) {
        self.router = router
        self.extraProperties = extraProperties
        self.livenessThreshold = livenessThreshold
        self.rejoinsAfter = rejoinsAfter
        self.logger = logger
    }

    /// Starts, changes and stops consumers so that they read what the router's table takes. A consumer whose cluster
    /// and topics are as they were is not touched.
    func apply(_ clusters: [KafkaSettings]) async {
        let table = router.table
        let wanted = clusters.map { (settings: $0, topics: table.topics(ofCluster: $0.name)) }
        var leaving: [ConsumerThread] = []
        var starting: [Running] = []
        running.withLock { running in
            var kept: [Running] = []
            for var consumer in running {
                guard let next = wanted.first(where: { $0.settings.isEquivalent(to: consumer.settings) }) else {
                    leaving.append(consumer.thread)
                    continue
                }
                if next.topics != consumer.topics {
                    consumer.topics = next.topics
                    consumer.thread.updateTopics(next.topics)
                } else {
                    // What stopped at a bad record may go on now.
                    consumer.thread.resumeHalted()
                }
                kept.append(consumer)
            }
            for next in wanted where !next.topics.isEmpty {
                guard !kept.contains(where: { $0.settings.isEquivalent(to: next.settings) }) else { continue }
                starting.append(make(next.settings, next.topics))
            }
            running = kept + starting
        }
        // First those that leave, so that a consumer with changed settings goes on where its predecessor committed.
        await Self.stop(leaving)
        for consumer in starting { consumer.thread.start() }
    }

    private func make(_ settings: KafkaSettings, _ topics: [String]) -> Running {
        let given = settings.properties.map { (name: $0.name, value: $0.value) }
        let (router, logger) = (router, logger)
        let thread = ConsumerThread(
            configuration: ConsumerConfiguration(
                brokers: settings.brokers, groupID: settings.group, topics: topics,
                properties: extraProperties.filter { added in !given.contains { $0.name == added.name } } + given,
                batchSize: settings.batchSize, rejoinsAfter: rejoinsAfter),
            logger: logger,
            makeProcessor: {
                router.makeProcessor(
                    cluster: settings.name, deadLetters: DeadLetterProducer(settings: settings, logger: logger))
            })
        return Running(settings: settings, topics: topics, thread: thread)
    }

    /// Stops polling and commits, everywhere at once.
    func stop() async {
        await Self.stop(running.withLock { $0.map(\.thread) })
    }

    private static func stop(_ threads: [ConsumerThread]) async {
        await withDiscardingTaskGroup { group in
            for thread in threads { group.addTask { await thread.stop() } }
        }
    }

    /// How all of them do, as one report.
    var health: SourceHealth {
        let consumers = running.withLock { $0 }
        var health = SourceHealth()
        for consumer in consumers {
            let name = consumers.count > 1 ? consumer.settings.name : nil
            let one = ConsumptionHealth.assess(
                consumer.thread.status, brokers: consumer.settings.brokers, cluster: name,
                threshold: livenessThreshold)
            health.failures += one.failures
            health.warnings += one.warnings
            health.notes += one.notes
            health.partitionsWithoutPosition += one.partitionsWithoutPosition
            health.topics += one.topics
            health.stuckThreads += one.stuckThreads
            health.isAssigned = health.isAssigned && one.isAssigned
        }
        if consumers.isEmpty {
            health.warnings.append("no enabled route reads any topic")
            health.isAssigned = false
        }
        return health
    }

    /// The same in numbers, for `/metrics`.
    var figures: ConsumptionSnapshot {
        ConsumptionSnapshot(
            clusters: statuses.map { cluster, status in
                .init(
                    name: cluster, isReachable: status.brokersReachable, restarts: status.recreations,
                    commitFailures: status.commitFailures, throttledMilliseconds: status.throttledMilliseconds,
                    throttleMilliseconds: status.throttles.values.max() ?? 0,
                    topics: status.topics.map { topic in
                        .init(
                            topic: topic.topic, partitionCount: topic.partitionCount,
                            partitions: topic.assigned.map { .init(partition: $0.partition, lag: $0.lag) },
                            records: topic.records, unreadable: topic.badRecords, skipped: topic.recordsSkipped)
                    })
            })
    }

    /// The status of each consumer by cluster.
    var statuses: [(cluster: String, status: ConsumerStatus)] {
        running.withLock { $0.map { ($0.settings.name, $0.thread.status) } }
    }
}
