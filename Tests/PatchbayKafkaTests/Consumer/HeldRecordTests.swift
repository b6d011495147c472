import Logging
import TestSupport
import Testing

@testable import PatchbayKafka

/// Records that a processor keeps for later: their offsets are stored once it has handed them out, and it is told in time.
@Suite("Held records", .timeLimit(.minutes(2)))
struct HeldRecordTests {
    private func inspector(_ fixture: KafkaFixture, group: String) throws -> InspectionClient {
        try InspectionClient(brokers: [fixture.kafka.bootstrapServers], properties: [], group: group, logger: fixture.log.logger)
    }

    /// Records of all partitions before the committed offsets.
    private func committed(_ inspector: InspectionClient) -> Int64 {
        let partitions = (0..<4).map { TopicPartition(topic: "orders", number: Int32($0)) }
        return inspector.committed(partitions, until: .now + .seconds(5)).offsets.values.reduce(0) { $0 + max($1 ?? 0, 0) }
    }

    @Test("Nothing of them is committed until they are handed out; then it is, while reading goes on")
    func commits() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<400, with: producer)
            let inspector = try self.inspector(fixture, group: "held")
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "held", into: seen, properties: [("auto.commit.interval.ms", "50")])
            try await eventually("what is not held is committed") { committed(inspector) == 400 }
            seen.holdBack()
            try fixture.produce(400..<800, with: producer)
            try await eventually("all are read") { consumer.status.records == 800 }
            let turn = consumer.status.lastLoopTurn
            try await eventually("commits had their time") { consumer.status.lastLoopTurn > turn + .milliseconds(300) }
            #expect(committed(inspector) == 400 && seen.count == 400)
            #expect(consumer.status.topics[0].pendingReason == nil)
            seen.letGo()
            try await eventually("they are committed") { committed(inspector) == 800 }
            #expect(seen.count == 800)
            await consumer.stop()
        }
    }

    @Test("A stop hands them out and commits them: the next consumer begins behind them")
    func stop() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<400, with: producer)
            let first = SeenRecords()
            first.holdBack()
            let consumer = fixture.startConsumer(group: "stop", into: first)
            try await eventually("all are read") { consumer.status.records == 400 }
            #expect(first.count == 0)
            await consumer.stop()
            #expect(first.count == 400 && first.partitionsGivenUp.sorted() == (0..<4).map { "orders/\($0)" })
            let second = SeenRecords()
            _ = fixture.startConsumer(group: "stop", into: second)
            try fixture.produce(400..<404, with: producer)
            try await eventually("the rest arrives") { second.count >= 4 }
            #expect(second.values.sorted() == sortedTexts(400..<404))
        }
    }

    @Test(
        "Partitions that go to another member take nothing along that is held here",
        arguments: ["cooperative-sticky", "range,roundrobin"])
    func rebalance(strategy: String) async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<4_000, with: producer)
            let properties = [(name: "partition.assignment.strategy", value: strategy)]
            let (first, second) = (SeenRecords(), SeenRecords())
            first.holdBack()
            second.holdBack()
            let one = fixture.startConsumer(group: "moving", into: first, properties: properties)
            try await eventually("all are read") { one.status.records == 4_000 }
            #expect(first.count == 0)
            let two = fixture.startConsumer(group: "moving", into: second, properties: properties)
            try await eventually("both have two") { one.assignedPartitions.count == 2 && two.assignedPartitions.count == 2 }
            #expect(first.count == 4_000)
            try fixture.produce(4_000..<4_400, with: producer)
            first.letGo()
            second.letGo()
            // Twice is allowed here: the embedded coordinator refuses commits once a rebalance has begun.
            try await eventually("nothing is lost") { Set(first.values + second.values).count == 4_400 }
            await two.stop()
            await one.stop()
        }
    }
}
