import Logging
import Synchronization
import TestSupport
import Testing

@testable import PatchbayKafka

/// What brokers are asked about topics, and who waits for it.
@Suite("Metadata", .timeLimit(.minutes(2)))
struct MetadataTests {
    private typealias Partition = ScriptedBroker.Partition

    /// Each answer held every topic of the cluster.
    @Test("Topics that are subscribed to by name are asked for by name, once it is known what was there")
    func names() async throws {
        try await Scene.run { scene in
            let consumer = scene.start(["orders"])
            try await eventually("it is read") { scene.seen.count == 10 }
            try await eventually("brokers were asked now and then") { scene.lookups.count >= 8 }
            #expect(scene.lookups.count { $0 == nil } == 1, "\(scene.lookups)")
            #expect(scene.lookups.allSatisfy { $0 == nil || Set($0 ?? []) == ["orders"] }, "\(scene.lookups)")
            #expect(consumer.status.topics.map(\.partitionCount) == [1])
        }
    }

    @Test("A pattern may match any topic: all are asked for")
    func patterns() async throws {
        try await Scene.run { scene in
            let consumer = scene.start(["^ord"])
            try await eventually("it is read") { scene.seen.count == 10 }
            try await eventually("all were asked for again") { scene.lookups.count { $0 == nil } >= 4 }
            #expect(consumer.status.topics.map(\.topic) == ["orders"] && consumer.status.topics.map(\.partitionCount) == [1])
        }
    }

    /// The thread that records flow through waited for the answer.
    @Test("Records flow, and a stop ends, while brokers keep to themselves what topics there are")
    func withheld() async throws {
        try await Scene.run { scene in
            let consumer = scene.start(["orders"], patience: .seconds(100))
            try await eventually("it is read") { scene.seen.count == 10 }
            scene.broker.script.withLock { $0.withholdsMetadata = true }
            try await eventually("they are asked") { scene.broker.script.withLock { $0.unansweredLookups >= 1 } }
            for count in 1...3 {
                scene.broker.script.withLock { $0.logs[Partition("orders", 0)]?.append(5) }
                try await eventually("what comes is read") { scene.seen.count == 10 + 5 * count }
            }
            #expect(consumer.status.brokersReachable)
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
        }
    }

    /// Names are answered for, which is what librdkafka needs.
    @Test("When brokers don't say what there is, topics are read all the same, also those that are added")
    func listingsWithheld() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { $0.withholdsListings = true }
            let consumer = scene.start(["orders"])
            try await eventually("it is read") { scene.seen.count == 10 }
            consumer.updateTopics(["orders", "elsewhere"])
            try await eventually("the other is read") { scene.seen.count(of: "elsewhere") == 1 }
        }
    }

    /// librdkafka itself looks every five minutes.
    @Test("What comes into being later is read from its beginning", arguments: ["partition", "topic", "match"])
    func later(what: String) async throws {
        try await Scene.run { scene in
            let consumer = scene.start(what == "match" ? ["^ord"] : ["orders", "ordered"])
            try await eventually("it is read") { scene.seen.count == 10 }
            let new = what == "partition" ? Partition("orders", 1) : Partition("ordered", 0)
            scene.broker.script.withLock { $0.logs[new] = .init(0..<5) }
            try await eventually("what is new is read") { scene.seen.count == 15 }
            #expect(scene.seen.offsets(new.topic, partition: new.number) == Array(0..<5))
            try await eventually("it is counted") {
                consumer.status.topics.first { $0.topic == new.topic }?.partitionCount == (what == "partition" ? 2 : 1)
            }
        }
    }

    /// A scripted broker with ten records of one topic, one of another, and what a test does with it.
    private final class Scene: Sendable {
        let broker: ScriptedBroker
        let seen = SeenRecords()
        let log = LogBook()
        private let started = Mutex<[ConsumerThread]>([])

        var lookups: [[String]?] { broker.script.withLock { $0.lookups } }

        private init() throws {
            broker = try ScriptedBroker()
            broker.script.withLock { script in
                script.logs[Partition("orders", 0)] = .init(0..<10)
                script.logs[Partition("elsewhere", 0)] = .init(0..<1)
            }
        }

        static func run(_ body: (Scene) async throws -> Void) async throws {
            let scene = try Scene()
            defer { scene.broker.close() }
            var thrown: (any Error)?
            do { try await body(scene) } catch { thrown = error }
            for consumer in scene.started.withLock({ $0 }) { await consumer.stop() }
            if let thrown { throw thrown }
        }

        func start(_ topics: [String], patience: Duration = .seconds(2)) -> ConsumerThread {
            var configuration = ConsumerConfiguration(
                brokers: [broker.address], groupID: "scripted", topics: topics, properties: [("auto.offset.reset", "earliest")],
                pollTimeoutMilliseconds: 20)
            configuration.metadataIntervals = .init(quick: .milliseconds(50), slow: .milliseconds(200))
            configuration.metadataPatience = patience
            let consumer = ConsumerThread(
                configuration: configuration, logger: log.logger, makeProcessor: { [seen] in seen.makeProcessor() })
            started.withLock { $0.append(consumer) }
            consumer.start()
            return consumer
        }
    }
}
