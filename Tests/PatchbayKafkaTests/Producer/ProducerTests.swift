import PatchbayKafka
import TestSupport
import Testing

@Suite("Producer", .timeLimit(.minutes(2)))
struct ProducerTests {
    @Test("Deliveries are counted without anyone polling")
    func deliveries() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            for number in 0..<500 { try producer.produce(topic: "orders", value: "\(number)") }
            try await eventually("all are delivered") { producer.deliveries.delivered == 500 }
            #expect(producer.deliveries.failed == 0)
            #expect(producer.queued == 0)
        }
    }

    /// A record offered to a producer that had failed for good was refused with the cause as its code, which looks like any other refusal:
    /// dead letters that came right after the failure were lost instead of going to another producer.
    @Test("A producer that has failed for good says so of every record it is offered")
    func failedForGood() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.failNext(.initProducerID, with: [KafkaErrorCode(rawValue: 31)])
            let producer = try fixture.makeProducer([("enable.idempotence", "true")])
            try await eventually("the producer to fail") { producer.fatalError?.contains("authorization failed") == true }
            let error = #expect(throws: KafkaError.self) { try producer.produce(topic: "orders", key: nil, value: [1]) }
            #expect(error?.isFatal == true)
            producer.close(timeoutMilliseconds: 0)
            #expect(producer.fatalError == nil)
        }
    }

    @Test("A full queue is told, and takes records again once it has emptied")
    func queueFull() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.takeDown()
            let producer = try fixture.makeProducer([
                ("queue.buffering.max.messages", "10"), ("reconnect.backoff.max.ms", "200"),
            ])
            for number in 0..<10 { try producer.produce(topic: "orders", partition: 0, value: "\(number)") }
            let error = #expect(throws: KafkaError.self) {
                try producer.produce(topic: "orders", partition: 0, value: "too many")
            }
            #expect(error?.kind == .queueFull)
            #expect(error?.message.contains("queue.buffering.max.messages") == true)
            #expect(error?.message.contains("orders") == true)
            let flushError = #expect(throws: KafkaError.self) { try producer.flush(timeoutMilliseconds: 50) }
            #expect(flushError?.kind == .timedOut)
            #expect(flushError?.message.hasPrefix("10 records") == true)

            try fixture.kafka.bringUp()
            try await eventually("the queue empties") { producer.deliveries.delivered == 10 }
            try producer.produce(topic: "orders", partition: 0, value: "fits")
            try producer.flush(timeoutMilliseconds: 20_000)
            #expect(producer.deliveries.delivered == 11)
        }
    }

    @Test("A record above the limit is refused at once, with its size")
    func tooLarge() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer([("message.max.bytes", "2000")])
            let error = #expect(throws: KafkaError.self) {
                try producer.produce(topic: "orders", key: nil, value: [UInt8](repeating: 1, count: 5_000))
            }
            #expect(error?.kind == .tooLarge)
            #expect(error?.message.contains("5000 bytes") == true)
        }
    }

    @Test("Records for a topic that doesn't exist count as failed, with the reason")
    func unknownTopic() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.createTopic("gone", partitions: 1)
            try fixture.kafka.setTopicError("gone", .unknownTopicOrPartition)
            let producer = try fixture.makeProducer([("topic.metadata.propagation.max.ms", "0")])
            try producer.produce(topic: "gone", value: "x")
            try await eventually("it fails") { producer.deliveries.failed == 1 }
            #expect(producer.deliveries.lastError?.kind == .unknownTopic)
            #expect(producer.deliveries.lastError?.message == "topic `gone` doesn't exist: create it, or check its spelling")
            let error = #expect(throws: KafkaError.self) { try producer.produce(topic: "gone", value: "y") }
            #expect(error?.kind == .unknownTopic)
        }
    }

    @Test("A partition that doesn't exist is told")
    func unknownPartition() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer()
            try producer.produce(topic: "orders", partition: 0, value: "x")
            try producer.flush(timeoutMilliseconds: 20_000)
            let error = #expect(throws: KafkaError.self) {
                try producer.produce(topic: "orders", partition: 9, value: "x")
            }
            #expect(error?.kind == .unknownPartition)
            #expect(error?.message.contains("no partition 9") == true)
        }
    }

    @Test("Closing delivers what is queued; afterwards everything says closed")
    func close() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer([("linger.ms", "1000")])
            for number in 0..<50 { try producer.produce(topic: "orders", value: "\(number)") }
            producer.close()
            producer.close()
            #expect(producer.deliveries.delivered == 50)
            #expect(#expect(throws: KafkaError.self) { try producer.produce(topic: "orders", value: "x") }?.kind == .closed)
            #expect(#expect(throws: KafkaError.self) { try producer.flush(timeoutMilliseconds: 1) }?.kind == .closed)
        }
    }

    @Test("Closing while Kafka is away counts what couldn't be delivered as failed")
    func closeWhileAway() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.takeDown()
            let producer = try fixture.makeProducer()
            for number in 0..<5 { try producer.produce(topic: "orders", partition: 0, value: "\(number)") }
            producer.close(timeoutMilliseconds: 50)
            #expect(producer.deliveries.failed == 5)
        }
    }

    @Test("A bad property is refused in librdkafka's words")
    func badProperty() {
        let error = #expect(throws: KafkaError.self) {
            _ = try Producer(brokers: ["localhost:1"], properties: [("lingr.ms", "1")], logger: LogBook().logger)
        }
        #expect(error?.kind == .configuration)
        #expect(error?.message.contains("lingr.ms") == true)
    }

    /// The embedded Kafka lets a producer go on whose identifier another one has taken; a real one doesn't (RealKafkaTests).
    @Test("A transaction commits or is aborted, and a closed producer has none")
    func transactions() async throws {
        try await KafkaFixture.run { fixture in
            let producer = try fixture.makeProducer([("transactional.id", "t")])
            let plain = try fixture.makeProducer()
            try await offPool {
                try producer.prepareTransactions(timeoutMilliseconds: 20_000)
                try producer.beginTransaction()
                try producer.produce(topic: "orders", partition: 0, value: "1")
                try producer.commitTransaction(timeoutMilliseconds: 20_000)
                #expect(producer.deliveries.delivered == 1)
                try producer.beginTransaction()
                try producer.produce(topic: "orders", partition: 0, value: "2")
                try producer.abortTransaction(timeoutMilliseconds: 20_000)
                let early = #expect(throws: Producer.TransactionFailure.self) {
                    try producer.commitTransaction(timeoutMilliseconds: 20_000)
                }
                #expect(early?.message.isEmpty == false)
                producer.close(timeoutMilliseconds: 0)
                let closed = #expect(throws: Producer.TransactionFailure.self) { try producer.beginTransaction() }
                #expect(closed?.consequence == .end)
                let without = #expect(throws: Producer.TransactionFailure.self) {
                    try plain.prepareTransactions(timeoutMilliseconds: 1_000)
                }
                #expect(without?.consequence == .end)
            }
        }
    }
}
