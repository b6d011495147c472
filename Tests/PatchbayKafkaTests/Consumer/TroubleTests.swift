import Logging
import PatchbayAPI
import Synchronization
import TestSupport
import Testing

@testable import PatchbayKafka

@Suite("Trouble with Kafka", .timeLimit(.minutes(2)))
struct TroubleTests {
    @Test("Brokers that are down at the start are waited for")
    func downAtStart() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.takeDown()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "start", into: seen, rejoinsAfter: nil)
            try await eventually("it says that it is connecting") { consumer.status.state == .connecting }
            #expect(!consumer.status.brokersReachable)
            #expect(consumer.status.lastError != nil)

            try fixture.kafka.bringUp()
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<100, with: producer)
            try await eventually("all records arrive") { seen.count >= 100 }
            try await eventually("it says that it is consuming") { consumer.status.state == .consuming }
            #expect(consumer.status.recreations == 0)
            #expect(fixture.log.count(.warning, "no Kafka broker can be reached") == 1)
            #expect(fixture.log.count(.info, "Kafka brokers are back") == 1)
        }
    }

    @Test("Brokers that go away and come back cost no record")
    func lostMidway() async throws {
        try await KafkaFixture.run(brokers: 2) { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "midway", into: seen)
            try fixture.produce(0..<1_000, with: producer)
            try await eventually("the first thousand arrives") { seen.count >= 1_000 }

            try fixture.kafka.takeDown()
            try await eventually("the loss is noticed") { consumer.status.state == .connecting }
            for number in 1_000..<2_000 {
                try producer.produce(topic: "orders", partition: Int32(number % 4), value: "\(number)")
            }
            try fixture.kafka.bringUp()
            try await eventually("the rest arrives") { Set(seen.values).count >= 2_000 }
            #expect(Set(seen.values) == Set(sortedTexts(0..<2_000)))
            #expect(producer.deliveries.failed == 0)
            try await eventually("it says that it is consuming") { consumer.status.state == .consuming }
        }
    }

    @Test("Stopping while the brokers are away ends the thread in time")
    func stopWhileAway() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let connected = fixture.startConsumer(group: "away", into: seen)
            try fixture.produce(0..<100, with: producer)
            try await eventually("records arrive") { seen.count >= 100 }
            // Uncommitted records, and nobody to commit them to.
            try fixture.kafka.takeDown()
            let never = fixture.startConsumer(group: "away-too", into: seen)
            try await eventually("both know") {
                connected.status.state == .connecting && never.status.state == .connecting
            }
            async let one: Void = connected.stop()
            async let two: Void = never.stop()
            _ = await (one, two)
            #expect(connected.status.state == .stopped)
            #expect(never.status.state == .stopped)
            #expect(fixture.log.count(.error, "didn't end within") == 0)
        }
    }

    @Test("Stopping at the moment the brokers vanish ends the thread in time")
    func stopAtTheMoment() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "moment", into: seen, properties: [("auto.commit.interval.ms", "60000")])
            try await fixture.awaitCommittedStarts(of: "moment")
            // Not any more before a minute is over.
            try fixture.produce(0..<100, with: producer)
            try await eventually("records arrive") { seen.count >= 100 }
            // Requests are taken but not answered.
            try fixture.kafka.setRoundTripTime(milliseconds: 60_000)
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
            #expect(fixture.log.count(.error, "didn't end within") == 0)
            #expect(fixture.log.count(.warning, "commit failed") >= 1)
            try fixture.kafka.setRoundTripTime(milliseconds: 0)
        }
    }

    @Test("A topic that doesn't exist yet is named in status and log, and picked up when it appears")
    func missingTopic() async throws {
        try await KafkaFixture.run(topics: [("orders", 1), ("late", 1)]) { fixture in
            try fixture.kafka.setTopicError("late", .unknownTopicOrPartition)
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "missing", topics: ["orders", "late"], into: seen)
            try await eventually("the problem is told") { consumer.status.topics[1].problem != nil }
            #expect(consumer.status.topics[1].problem?.contains("Unknown topic or partition") == true)
            try await eventually("the other topic is read meanwhile") { consumer.status.topics[0].assigned.count == 1 }
            #expect(consumer.status.topics[0].problem == nil)
            let lines = fixture.log.lines.filter { $0.message.contains("topic can't be read") }
            #expect(lines.count == 1)
            #expect(lines.first?.metadata["topic"] == "late")

            try fixture.kafka.setTopicError("late", .none)
            try await eventually("the topic is assigned") { consumer.status.topics[1].assigned.count == 1 }
            #expect(consumer.status.topics[1].problem == nil)
            try producer.produce(topic: "late", value: "there")
            try await eventually("it is read") { seen.values == ["there"] }
        }
    }

    @Test("A fatal error recreates the consumer")
    func fatal() async throws {
        try await KafkaFixture.run { fixture in
            let fenced = KafkaErrorCode(rawValue: 82)
            try fixture.kafka.failNext(.joinGroup, with: [fenced])
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "fatal", into: seen, properties: [("group.instance.id", "one")])
            try await eventually("it was recreated") { consumer.status.recreations >= 1 }
            #expect(fixture.log.count(.error, "recreating it") == 1)
            try fixture.produce(0..<100, with: producer)
            try await eventually("records arrive") { seen.count >= 100 }
            #expect(consumer.status.lastError?.message.isEmpty == false)
        }
    }

    @Test("Properties that librdkafka refuses don't end the thread, and it can still be stopped")
    func refusedProperties() async throws {
        try await KafkaFixture.run { fixture in
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "refused", into: seen, properties: [("session.timeout.ms", "0")])
            try await eventually("it was tried twice") { consumer.status.recreations >= 2 }
            #expect(consumer.status.lastError?.message.contains("session.timeout.ms") == true)
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
        }
    }

    @Test("A record that can't be decoded is counted and named, and the next ones are read")
    func undecodable() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<5, partitions: 1, with: producer)
            try RawProduce.sendBatchWithWrongChecksum(to: fixture.kafka.bootstrapServers, topic: "orders")
            try fixture.produce(5..<10, partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "bad", into: seen, properties: [("check.crcs", "true")])
            try await eventually("the good ones arrive") { seen.count >= 10 }
            #expect(seen.values == (0..<10).map(String.init))
            #expect(consumer.status.badRecords == 1)
            try await eventually("it is counted with its topic") { consumer.status.topics[0].badRecords == 1 }
            let line = try #require(fixture.log.lines.first { $0.message.contains("record can't be read") })
            #expect(line.metadata["topic"] == "orders")
            #expect(line.metadata["partition"] == "0")
            #expect(line.metadata["record_offset"] == "5")
        }
    }

    /// Commits, look-ups and flushes at slow brokers may take seconds; together they took some twelve, and the thread counted as
    /// stuck. The time that such a call may take is declared.
    @Test("A call that may lawfully block is no silence")
    func lawfulWaits() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "patient", into: seen, properties: [("auto.commit.interval.ms", "3600000")])
            try await fixture.awaitCommittedStarts(of: "patient")
            // So that there is something left to commit in the end.
            try fixture.produce(0..<8, with: producer)
            try await eventually("the records arrive") { seen.count == 8 }
            try fixture.kafka.setRoundTripTime(milliseconds: 1_000)
            // On a thread of its own: on a busy machine the pool may look again only when the second is over.
            let isOver = Atomic(false)
            let isWatched = Atomic(false)
            async let wasDeclared = offPool {
                isWatched.store(true, ordering: .releasing)
                while !isOver.load(ordering: .acquiring) {
                    let status = consumer.status
                    if status.isDueAt != nil, status.silence() == .zero { return true }
                    Pause.milliseconds(1)
                }
                return false
            }
            try await eventually("somebody watches") { isWatched.load(ordering: .acquiring) }
            await consumer.stop()
            isOver.store(true, ordering: .releasing)
            #expect(try await wasDeclared, "the last commit was waited for")
            try fixture.kafka.setRoundTripTime(milliseconds: 0)
            #expect(consumer.status.isDueAt == nil)
        }
    }
}
