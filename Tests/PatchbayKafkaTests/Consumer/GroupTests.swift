import Logging
import PatchbayKafka
import TestSupport
import Testing

@Suite("Consumer groups", .timeLimit(.minutes(2)))
struct GroupTests {
    @Test(
        "Two members share the partitions; when one leaves, the other takes over and nothing is lost",
        arguments: ["range,roundrobin", "cooperative-sticky"])
    func share(strategy: String) async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let properties = [(name: "partition.assignment.strategy", value: strategy)]
            let seen = SeenRecords()
            let first = fixture.startConsumer(group: "share", into: seen, properties: properties)
            try await eventually("the first has all") { first.assignedPartitions == [0, 1, 2, 3] }
            try fixture.produce(0..<1_000, with: producer)

            let second = fixture.startConsumer(group: "share", into: seen, properties: properties)
            try await eventually("both have two") {
                first.assignedPartitions.count == 2 && second.assignedPartitions.count == 2
            }
            #expect((first.assignedPartitions + second.assignedPartitions).sorted() == [0, 1, 2, 3])
            try fixture.produce(1_000..<2_000, with: producer)
            try await eventually("both read") { Set(seen.values).count >= 2_000 }
            try await eventually("each knows that it doesn't read all") {
                first.status.topics[0].partitionCount == 4 && second.status.topics[0].partitionCount == 4
            }

            await first.stop()
            try await eventually("the second has all") { second.assignedPartitions == [0, 1, 2, 3] }
            try fixture.produce(2_000..<3_000, with: producer)
            try await eventually("the second reads all") { Set(seen.values).count >= 3_000 }
            // Twice is allowed here: the embedded coordinator refuses commits once a rebalance has begun.
            #expect(Set(seen.values) == Set(sortedTexts(0..<3_000)))
        }
    }

    @Test("Stopping a cooperative member that was never given a share doesn't end the process")
    func stopBeforeAssignment() async throws {
        try await KafkaFixture.run { fixture in
            // Lets it join, so that it has an assignor, but never tells it the outcome.
            try fixture.kafka.failNext(.syncGroup, with: Array(repeating: .rebalanceInProgress, count: 10_000))
            let seen = SeenRecords()
            let consumer = ConsumerThread(
                configuration: ConsumerConfiguration(
                    brokers: [fixture.kafka.bootstrapServers], groupID: "unassigned", topics: ["orders"],
                    properties: EmbeddedKafka.consumerProperties + [
                        ("partition.assignment.strategy", "cooperative-sticky"), ("debug", "cgrp"),
                    ]),
                logger: fixture.log.logger(at: .trace), makeProcessor: { seen.makeProcessor() })
            consumer.start()
            try await eventually("it has joined and been refused") {
                fixture.log.lines.contains { $0.message.contains("SyncGroup response: Broker: Group rebalance in progress") }
            }
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
        }
    }

    @Test("Partitions that were lost are said so, and go on where this consumer was when they come back")
    func lost() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            // Nothing is committed in passing, so the group knows nothing of what was read.
            let consumer = fixture.startConsumer(
                group: "lost", into: seen, properties: [("auto.commit.interval.ms", "60000")])
            try fixture.produce(0..<1_000, with: producer)
            try await eventually("all is read") { seen.count >= 1_000 }
            let unknownMember = KafkaErrorCode(rawValue: 25)
            try fixture.kafka.failNext(.heartbeat, with: [unknownMember])
            try await eventually("the loss is told") { fixture.log.count(.warning, "partitions lost") == 1 }
            #expect(fixture.log.count(.warning, "commit failed") == 0)
            try await eventually("it has them again") { consumer.assignedPartitions == [0, 1, 2, 3] }
            try fixture.produce(1_000..<2_000, with: producer)
            try await eventually("the rest is read") { seen.count >= 2_000 }
            for partition in 0..<4 { #expect(seen.offsets(partition: Int32(partition)) == Array(0..<500)) }
        }
    }

    @Test("The subscription can change while it runs")
    func updateTopics() async throws {
        try await KafkaFixture.run(topics: [("a", 1), ("b", 1), ("c", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "update", topics: ["a", "b"], into: seen)
            try await eventually("a and b are assigned") { consumer.status.topics.allSatisfy { $0.assigned.count == 1 } }
            for topic in ["a", "b", "c"] { try producer.produce(topic: topic, value: "1") }
            try producer.flush(timeoutMilliseconds: 20_000)
            try await eventually("a and b are read") { seen.count == 2 }

            consumer.updateTopics(["b", "c"])
            try await eventually("b and c are assigned") {
                consumer.status.topics.map(\.topic) == ["b", "c"]
                    && consumer.status.topics.allSatisfy { $0.assigned.count == 1 }
            }
            for topic in ["a", "b", "c"] { try producer.produce(topic: topic, value: "2") }
            try producer.flush(timeoutMilliseconds: 20_000)
            try await eventually("b and c are read") { seen.count >= 5 }
            #expect(seen.all.map { $0.topic + ($0.value ?? "") }.sorted() == ["a1", "b1", "b2", "c1", "c2"])
        }
    }

    @Test("A regular expression picks up topics as they appear")
    func regularExpression() async throws {
        try await KafkaFixture.run(topics: [("metrics.a", 1), ("other", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "regex", topics: ["^metrics\\..*"], into: seen)
            try await eventually("the match is assigned") { consumer.status.topics.map(\.topic) == ["metrics.a"] }
            try fixture.kafka.createTopic("metrics.b", partitions: 1)
            try await eventually("the new match is assigned") {
                consumer.status.topics.map(\.topic) == ["metrics.a", "metrics.b"]
            }
            for topic in ["metrics.a", "metrics.b", "other"] { try producer.produce(topic: topic, value: topic) }
            try producer.flush(timeoutMilliseconds: 20_000)
            try await eventually("both are read") { seen.count >= 2 }
            #expect(seen.values.sorted() == ["metrics.a", "metrics.b"])
        }
    }
}

extension ConsumerThread {
    /// Of the first topic.
    var assignedPartitions: [Int32] { status.topics.first?.assigned.map(\.partition) ?? [] }
}
