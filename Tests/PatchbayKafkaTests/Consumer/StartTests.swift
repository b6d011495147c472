import PatchbayKafka
import TestSupport
import Testing

@Suite("Where reading begins", .timeLimit(.minutes(2)))
struct StartTests {
    @Test("A topic that comes into being after it was asked for is read from its beginning")
    func missingAtFirst() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "late", topics: ["orders", "late"], into: seen, reset: "latest")
            try await eventually("brokers were asked what is there") { consumer.status.brokersReachable }
            // Creates the topic, unless the subscription did, long before the group has handed it out.
            for number in 0..<50 { try producer.produce(topic: "late", value: "\(number)") }
            try producer.flush(timeoutMilliseconds: 20_000)
            try await eventually("the new topic is read") { seen.count(of: "late") >= 50 }
            #expect(Set(seen.values) == Set((0..<50).map(String.init)))
            // It had never been there before, so it wasn't made a second time.
            #expect(consumer.status.topics.allSatisfy { $0.recreated.isEmpty }, "\(consumer.status.topics)")
            // The other was there before; nothing of what it held is wanted.
            #expect(seen.count(of: "orders") == 0)
        }
    }

    @Test("A topic that matches later is read from its beginning; one that matched before isn't")
    func matchedLater() async throws {
        try await KafkaFixture.run(topics: [("metrics.a", 1), ("other", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, topic: "metrics.a", partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "later", topics: ["^metrics\\..*"], into: seen, reset: "latest")
            try await eventually("the match is assigned, and it is known where") {
                consumer.status.topics.map(\.topic) == ["metrics.a"]
                    && consumer.status.topics[0].assigned.map(\.position) == [10]
            }
            try fixture.kafka.createTopic("metrics.b", partitions: 2)
            try fixture.produce(0..<40, topic: "metrics.b", partitions: 2, with: producer)
            try fixture.produce(10..<15, topic: "metrics.a", partitions: 1, with: producer)
            try await eventually("both are read") {
                seen.count(of: "metrics.b") >= 40 && seen.count(of: "metrics.a") >= 5
            }
            #expect(consumer.status.topics.map(\.topic) == ["metrics.a", "metrics.b"])
            #expect(seen.offsets("metrics.a", partition: 0) == Array(10..<15))
            for partition in 0..<2 { #expect(seen.offsets("metrics.b", partition: Int32(partition)) == Array(0..<20)) }
        }
    }

    @Test(
        "A topic that was there when it is first subscribed to begins where `auto.offset.reset` says",
        arguments: ["latest", "earliest"])
    func subscribedLater(reset: String) async throws {
        try await KafkaFixture.run(topics: [("a", 1), ("b", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, topic: "b", partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "subscribed", topics: ["a"], into: seen, reset: reset)
            try await eventually("a is assigned") { consumer.assignedPartitions == [0] }
            consumer.updateTopics(["a", "b"])
            // Where the end is can't be known before the broker was asked, which is after the assignment.
            try await eventually("b is assigned, and it is known where") {
                consumer.status.topics.map(\.topic) == ["a", "b"]
                    && consumer.status.topics[1].assigned.contains { $0.position != nil }
            }
            try fixture.produce(10..<15, topic: "b", partitions: 1, with: producer)
            try await eventually("b is read") { seen.values.last == "14" }
            #expect(seen.offsets("b", partition: 0) == Array((reset == "latest" ? 10 : 0)..<15))
        }
    }

    @Test("Positions and lag are known before a record came, and a start at the end is kept for the next process")
    func idle() async throws {
        try await KafkaFixture.run(topics: [("orders", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<20, partitions: 2, with: producer)
            let seen = SeenRecords()
            let first = fixture.startConsumer(group: "idle", into: seen, reset: "latest")
            try await eventually("it stands at the end") { first.status.topics[0].assigned.map(\.lag) == [0, 0] }
            #expect(first.status.topics[0].assigned.map(\.position) == [10, 10])
            #expect(seen.count == 0)
            await first.stop()

            try fixture.produce(20..<30, partitions: 2, with: producer)
            // Refuses everything, so that the position stays what it began with.
            seen.refuse { _ in true }
            let second = fixture.startConsumer(group: "idle", into: seen, reset: "latest")
            try await eventually("the backlog is told") { second.status.topics[0].assigned.map(\.lag) == [5, 5] }
            seen.takeAll()
            second.resumeHalted()
            try await eventually("the backlog is read") { seen.count >= 10 }
            try await eventually("no lag is left") { second.status.topics[0].assigned.map(\.lag) == [0, 0] }
            #expect(seen.values.sorted() == sortedTexts(20..<30))
        }
    }
}
