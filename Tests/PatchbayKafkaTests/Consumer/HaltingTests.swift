import Logging
import PatchbayKafka
import Synchronization
import TestSupport
import Testing

@Suite("Halted topics", .timeLimit(.minutes(2)))
struct HaltingTests {
    @Test(
        "A topic halted at a record goes on there: nothing is lost, doubled or reordered",
        arguments: [7, 100, 5_000])
    func exactlyOnceInOrder(batchSize: Int) async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<20_000, with: producer)
            let seen = SeenRecords()
            seen.refuse { $0.value == "9998" }
            let consumer = fixture.startConsumer(group: "halt", batchSize: batchSize, into: seen)
            try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
            try fixture.produce(20_000..<24_000, with: producer)
            let turn = consumer.status.lastLoopTurn
            try await eventually("it goes on polling") { consumer.status.lastLoopTurn > turn + .milliseconds(100) }
            let taken = seen.count
            #expect(taken < 20_000)
            #expect(!seen.values.contains("9998"))
            #expect(consumer.status.topics[0].records == UInt64(taken))
            #expect(consumer.status.records == UInt64(taken))
            for partition in consumer.status.topics[0].assigned {
                #expect(partition.position == Int64(seen.offsets(partition: partition.partition).count))
            }

            seen.takeAll()
            consumer.resumeHalted()
            try await eventually("everything arrives") { seen.count >= 24_000 }
            await consumer.stop()
            #expect(!consumer.status.topics[0].isHalted)
            for partition in 0..<4 { #expect(seen.offsets(partition: Int32(partition)) == Array(0..<6_000)) }
        }
    }

    @Test("Halting and going on over and over")
    func again() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<8_000, with: producer)
            let seen = SeenRecords()
            // Each of these is refused until it has been met twice.
            let met = Mutex<[String: Int]>([:])
            seen.refuse { record in
                guard record.offset % 1_000 == 57, let value = record.value else { return false }
                return met.withLock { met in
                    met[value, default: 0] += 1
                    return met[value, default: 0] <= 2
                }
            }
            let consumer = fixture.startConsumer(group: "again", batchSize: 1_000, into: seen)
            try await eventually("everything arrives") {
                if consumer.status.topics[0].isHalted { consumer.resumeHalted() }
                return seen.count >= 8_000
            }
            await consumer.stop()
            for partition in 0..<4 { #expect(seen.offsets(partition: Int32(partition)) == Array(0..<2_000)) }
            #expect(met.withLock { $0.values.allSatisfy { $0 == 3 } && $0.count == 8 })
        }
    }

    @Test(
        "What is committed while halted is what was taken: the next consumer begins at the refused record",
        arguments: ["5003", "3"])
    func prefixIsCommitted(refused: String) async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<8_000, with: producer)
            let first = SeenRecords()
            first.refuse { $0.value == refused }
            let consumer = fixture.startConsumer(group: "prefix", batchSize: 500, into: first)
            try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
            await consumer.stop()

            let second = SeenRecords()
            // Where nothing was committed it would wait for new records.
            _ = fixture.startConsumer(group: "prefix", into: second, reset: "latest")
            try await eventually("the rest arrives") { first.count + second.count >= 8_000 }
            for partition in 0..<4 {
                let number = Int32(partition)
                #expect(first.offsets(partition: number) + second.offsets(partition: number) == Array(0..<2_000))
            }
            #expect(second.values(partition: 3).first == refused)
        }
    }

    @Test("Other topics go on while one is halted")
    func othersGoOn() async throws {
        try await KafkaFixture.run(topics: [("bad", 2), ("good", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<1_000, topic: "bad", partitions: 2, with: producer)
            let seen = SeenRecords()
            seen.refuse { $0.topic == "bad" && $0.offset == 100 }
            let consumer = fixture.startConsumer(group: "others", topics: ["bad", "good"], into: seen)
            try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
            try fixture.produce(0..<3_000, topic: "good", partitions: 2, with: producer)
            try await eventually("the other arrives") { seen.count(of: "good") == 3_000 }
            #expect(consumer.status.topics.map(\.isHalted) == [true, false])
            #expect(seen.count(of: "bad") < 1_000)
            #expect(fixture.log.count(.warning, "topic is halted") == 1)
            // A halted topic falls behind, and that shows.
            try await eventually("the lag of the halted topic is told") {
                consumer.status.topics[0].assigned.compactMap(\.lag).reduce(0, +) == Int64(1_000 - seen.count(of: "bad"))
            }
        }
    }

    @Test(
        "A halted topic stays halted through rebalances, also with partitions that come only then",
        arguments: ["cooperative-sticky", "range,roundrobin"])
    func rebalanceWhileHalted(strategy: String) async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<4_000, with: producer)
            let properties = [(name: "partition.assignment.strategy", value: strategy)]
            let (seen, seenBySecond) = (SeenRecords(), SeenRecords())
            for seen in [seen, seenBySecond] { seen.refuse { $0.offset == 300 } }
            let first = fixture.startConsumer(group: "through", into: seen, properties: properties)
            try await eventually("the topic is halted") { first.status.topics[0].isHalted }
            // Takes half of the partitions, is halted as well, and gives them back.
            let second = fixture.startConsumer(group: "through", into: seenBySecond, properties: properties)
            try await eventually("both have two, and are halted") {
                first.assignedPartitions.count == 2 && second.assignedPartitions.count == 2
                    && second.status.topics[0].isHalted
            }
            #expect(first.status.topics[0].isHalted)
            await second.stop()
            try await eventually("the first has all") { first.assignedPartitions == [0, 1, 2, 3] }
            #expect(first.status.topics[0].isHalted)
            #expect(seen.all.allSatisfy { $0.offset < 300 })

            seen.takeAll()
            first.resumeHalted()
            try await eventually("everything arrives") { Set(seen.values + seenBySecond.values).count >= 4_000 }
            await first.stop()
            // The embedded coordinator refuses commits once a rebalance has begun, so the second may have read again what
            // the first had; but nobody sees anything twice.
            for partition in 0..<4 {
                for seen in [seen, seenBySecond] {
                    let offsets = seen.offsets(partition: Int32(partition))
                    #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
                }
            }
        }
    }

    @Test("A rebalance between going on and the first record doesn't skip anything")
    func rebalanceRightAfter() async throws {
        try await KafkaFixture.run(topics: [("orders", 4), ("more", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<8_000, with: producer)
            let seen = SeenRecords()
            seen.refuse { $0.offset % 500 == 499 }
            let consumer = fixture.startConsumer(group: "after", batchSize: 2_000, into: seen)
            for turn in 0..<6 {
                try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
                // Resumes, and begins a rebalance, at once.
                consumer.updateTopics(turn % 2 == 0 ? ["orders", "more"] : ["orders"])
                try await eventually("it was tried again") {
                    fixture.log.count(.warning, "topic is halted") >= turn + 2
                }
            }
            seen.takeAll()
            consumer.updateTopics(["orders", "more"])
            try await eventually("everything arrives") { seen.count >= 8_000 }
            await consumer.stop()
            for partition in 0..<4 { #expect(seen.offsets(partition: Int32(partition)) == Array(0..<2_000)) }
        }
    }

    @Test("A hole where a topic goes on, as compaction leaves it, is no loss and holds nothing up")
    func hole() async throws {
        try await KafkaFixture.run(topics: [("orders", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, partitions: 2, with: producer)
            let seen = SeenRecords()
            seen.refuse { $0.partition == 1 && $0.offset == 5 }
            let consumer = fixture.startConsumer(group: "hole", into: seen)
            try await eventually("all is read") { seen.count >= 10 }
            try producer.produce(topic: "orders", partition: 1, value: "refused")
            try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
            // Offset 5 doesn't exist; the embedded broker gives the next batch offset 8.
            try RawProduce.sendBatchWithWrongChecksum(
                to: fixture.kafka.bootstrapServers, topic: "orders", deltas: [1, 2, 2])
            try producer.produce(topic: "orders", partition: 0, value: "after")
            try producer.flush(timeoutMilliseconds: 20_000)
            seen.takeAll()
            consumer.resumeHalted()
            try await eventually("both go on") { seen.values.contains("after") && seen.values.contains("refused") }
            // The third record of the batch has offset 7 again, as none has in a real log; it counts as repeated.
            #expect(seen.offsets(partition: 0) == [0, 1, 2, 3, 4, 6, 7, 8])
            #expect(seen.offsets(partition: 1) == [0, 1, 2, 3, 4, 5])
            #expect(consumer.status.topics[0].recordsSkipped == 0)
        }
    }
}
