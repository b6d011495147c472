import PatchbayKafka
import Synchronization
import TestSupport
import Testing

@Suite("Consuming", .timeLimit(.minutes(2)))
struct ConsumingTests {
    @Test("Every record arrives once, in order per partition")
    func order() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<2_000, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "order", into: seen)
            try await eventually("all records arrive") { seen.count >= 2_000 }
            await consumer.stop()

            #expect(seen.count == 2_000)
            for partition in 0..<4 {
                let expected = stride(from: partition, to: 2_000, by: 4).map(String.init)
                #expect(seen.values(partition: Int32(partition)) == expected)
                #expect(seen.all.filter { $0.partition == Int32(partition) }.map(\.offset) == Array(0..<500))
            }
            #expect(seen.finishedPolls >= 1)
        }
    }

    @Test("Key, header, timestamp and tombstone survive, and so does the difference between empty and none")
    func content() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try producer.produce(
                topic: "orders", key: Array("k".utf8), value: Array("v".utf8),
                headers: [("kind", Array("old".utf8)), ("kind", Array("new".utf8)), ("other", nil)],
                timestampMilliseconds: 1_700_000_000_123)
            try producer.produce(topic: "orders", key: Array("gone".utf8), value: nil)
            try producer.produce(topic: "orders", key: [], value: [])
            try producer.produce(topic: "orders", key: nil, value: UnsafeRawBufferPointer(start: nil, count: 0))
            try producer.flush(timeoutMilliseconds: 20_000)
            let seen = SeenRecords()
            _ = fixture.startConsumer(group: "content", into: seen)
            try await eventually("four records arrive") { seen.count >= 4 }

            let records = seen.all
            try #require(records.count == 4)
            #expect(
                records[0]
                    == .init(
                        topic: "orders", partition: 0, offset: 0, timestamp: 1_700_000_000_123, key: "k", value: "v",
                        kind: "new", headers: ["kind=old", "kind=new", "other"]))
            #expect(records[1].key == "gone")
            #expect(records[1].value == nil)
            #expect(records[1].kind == nil)
            #expect(records[1].timestamp > 1_700_000_000_123)
            #expect(records[2].key == "" && records[2].value == "")
            #expect(records[3].key == nil && records[3].value == "")
        }
    }

    @Test("Topics of one poll are handed on apart, each in order")
    func severalTopics() async throws {
        try await KafkaFixture.run(topics: [("a", 2), ("b", 2), ("c", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            for number in 0..<900 {
                let topic = ["a", "b", "c"][number % 3]
                try producer.produce(topic: topic, partition: Int32(number % 2), value: "\(topic)\(number)")
            }
            try producer.flush(timeoutMilliseconds: 20_000)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "several", topics: ["c", "a", "b"], batchSize: 10_000, into: seen)
            try await eventually("all records arrive") { seen.count >= 900 }

            #expect(seen.count == 900)
            #expect(seen.all.allSatisfy { $0.value?.hasPrefix($0.topic) == true })
            for topic in ["a", "b", "c"] {
                for partition in 0..<2 {
                    let offsets = seen.all.filter { $0.topic == topic && $0.partition == partition }.map(\.offset)
                    #expect(offsets == Array(0..<150))
                }
            }
            await consumer.stop()
            #expect(consumer.status.topics.map(\.topic) == ["c", "a", "b"])
            #expect(consumer.status.topics.map(\.records) == [300, 300, 300])
        }
    }

    @Test("A consumer that was stopped continues where it stopped")
    func restart() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<1_000, with: producer)
            let first = SeenRecords()
            let consumer = fixture.startConsumer(group: "restart", into: first)
            try await eventually("the first thousand arrives") { first.count >= 1_000 }
            await consumer.stop()
            #expect(consumer.status.state == .stopped)

            try fixture.produce(1_000..<1_500, with: producer)
            let second = SeenRecords()
            _ = fixture.startConsumer(group: "restart", into: second)
            try await eventually("the rest arrives") { second.count >= 500 }
            #expect(first.values.sorted() == sortedTexts(0..<1_000))
            #expect(second.values.sorted() == sortedTexts(1_000..<1_500))
        }
    }

    @Test("Stopping under load commits exactly what was processed")
    func stopUnderLoad() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            let wantsMore = Mutex(true)
            let load = Task {
                var total = 0
                while wantsMore.withLock({ $0 }) {
                    for _ in 0..<100 {
                        try producer.produce(topic: "orders", partition: Int32(total % 4), value: "\(total)")
                        total += 1
                    }
                    try await Task.sleep(for: .milliseconds(2))
                }
                try producer.flush(timeoutMilliseconds: 30_000)
                return total
            }
            // Each consumer is stopped in mid-flow; what the next one sees must join without seam.
            let seen = SeenRecords()
            for number in 1...3 {
                let before = seen.count
                let consumer = fixture.startConsumer(group: "load", into: seen)
                try await eventually("consumer \(number) reads") { seen.count >= before + 2_000 }
                await consumer.stop()
            }
            wantsMore.withLock { $0 = false }
            let total = try await load.value
            _ = fixture.startConsumer(group: "load", into: seen)
            try await eventually("everything arrives") { seen.count >= total }
            #expect(seen.values.sorted() == sortedTexts(0..<total))
            for partition in 0..<4 {
                #expect(
                    seen.all.filter { $0.partition == Int32(partition) }.map(\.offset) == Array(0..<Int64(total / 4)))
            }
        }
    }

    @Test("Status tells positions, high watermarks, lag and totals")
    func status() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<400, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "status", into: seen)
            try await eventually("positions and partition counts are told") {
                let status = consumer.status
                guard let topic = status.topics.first else { return false }
                return topic.assigned.map(\.position) == [100, 100, 100, 100] && topic.partitionCount == 4
                    && topic.assigned.map(\.lag) == [0, 0, 0, 0]
            }
            let status = consumer.status
            #expect(status.state == .consuming)
            #expect(status.brokersReachable)
            #expect(status.brokersKnown == 1)
            #expect(status.records == 400)
            #expect(status.bytes == 10 + 90 * 2 + 300 * 3)
            #expect(status.badRecords == 0)
            #expect(status.topics[0].assigned.map(\.end) == [100, 100, 100, 100])
            #expect(status.topics[0].assigned.map(\.partition) == [0, 1, 2, 3])
            #expect(status.lastRecordAtMilliseconds != nil)
            let turn = status.lastLoopTurn
            try await eventually("the sign of life is renewed without records") { consumer.status.lastLoopTurn > turn }
        }
    }

    @Test("A new group starts with what comes, unless told otherwise")
    func latestByDefault() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = ConsumerThread(
                configuration: ConsumerConfiguration(
                    brokers: [fixture.kafka.bootstrapServers], groupID: "latest", topics: ["orders"],
                    properties: EmbeddedKafka.consumerProperties),
                logger: fixture.log.logger, makeProcessor: { seen.makeProcessor() })
            consumer.start()
            // The end is where it starts once the broker has told where that is.
            try await eventually("the end of the log is known") {
                consumer.status.topics.first?.assigned.first?.position == 10
            }
            try fixture.produce(10..<20, partitions: 1, with: producer)
            try await eventually("new records arrive") { seen.count >= 10 }
            await consumer.stop()
            #expect(seen.values == (10..<20).map(String.init))
        }
    }

    @Test("A stop before the start, and stopping twice at once, return")
    func stopIsIdempotent() async throws {
        try await KafkaFixture.run { fixture in
            let seen = SeenRecords()
            let never = ConsumerThread(
                configuration: ConsumerConfiguration(
                    brokers: [fixture.kafka.bootstrapServers], groupID: "never", topics: ["orders"]),
                logger: fixture.log.logger, makeProcessor: { seen.makeProcessor() })
            await never.stop()
            never.start()
            #expect(never.status.state == .stopped)

            let consumer = fixture.startConsumer(group: "twice", into: seen)
            async let one: Void = consumer.stop()
            async let two: Void = consumer.stop()
            _ = await (one, two)
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
        }
    }
}
