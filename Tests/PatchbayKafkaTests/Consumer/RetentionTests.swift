import Logging
import PatchbayKafka
import TestSupport
import Testing

@Suite("Retention", .timeLimit(.minutes(2)))
struct RetentionTests {
    @Test("Records that were deleted before they were read are counted and told")
    func skipped() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<1_000, partitions: 1, with: producer)
            let seen = SeenRecords()
            seen.refuse { $0.offset == 500 }
            let consumer = fixture.startConsumer(group: "retention", into: seen)
            try await eventually("the topic is halted") { consumer.status.topics[0].isHalted }
            // The embedded brokers keep about 5 MB of a partition.
            let value = [UInt8](repeating: 120, count: 2_000)
            for _ in 0..<5_000 { try producer.produce(topic: "orders", partition: 0, value: value) }
            try producer.flush(timeoutMilliseconds: 20_000)
            seen.takeAll()
            consumer.resumeHalted()
            try await eventually("the rest arrives") { seen.all.last?.offset == 5_999 }

            let offsets = seen.offsets(partition: 0)
            let next = try #require(offsets.first { $0 > 499 })
            #expect(next > 1_000)
            #expect(offsets == Array(0..<500) + Array(next..<6_000))
            try await eventually("it is counted") { consumer.status.topics[0].recordsSkipped == UInt64(next - 500) }
            let line = try #require(fixture.log.lines.first { $0.message.contains("deleted at the broker") })
            #expect(line.level == .warning)
            #expect(line.metadata["topic"] == "orders" && line.metadata["partition"] == "0")
            #expect(line.metadata["from"] == "500" && line.metadata["to"] == "\(next)")
        }
    }
}
