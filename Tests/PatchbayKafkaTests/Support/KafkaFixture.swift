import Logging
import PatchbayAPI
import Synchronization
import TestSupport

@testable import PatchbayKafka

/// An embedded Kafka with what a test needs around it; closes everything it made, in order, when the test is over.
final class KafkaFixture: Sendable {
    let kafka: EmbeddedKafka
    let log = LogBook()
    private let producers = Mutex<[Producer]>([])
    private let consumers = Mutex<[ConsumerThread]>([])

    private init(_ kafka: EmbeddedKafka) { self.kafka = kafka }

    static func run(
        brokers: Int = 1, topics: [(name: String, partitions: Int)] = [("orders", 4)],
        _ body: (KafkaFixture) async throws -> Void
    ) async throws {
        let fixture = KafkaFixture(try EmbeddedKafka(brokers: brokers, topics: topics))
        do {
            try await body(fixture)
        } catch {
            await fixture.close()
            throw error
        }
        await fixture.close()
    }

    func makeProducer(_ properties: [(name: String, value: String)] = []) throws -> Producer {
        let producer = try Producer(
            brokers: [kafka.bootstrapServers], properties: properties, logger: log.logger)
        producers.withLock { $0.append(producer) }
        return producer
    }

    /// Reads from the beginning unless told otherwise, since a test can't know when `latest` is.
    func startConsumer(
        group: String, topics: [String] = ["orders"], batchSize: Int = 100, into seen: SeenRecords,
        reset: String = "earliest", properties: [(name: String, value: String)] = [], rejoinsAfter: Duration? = EmbeddedKafka.rejoinsAfter
    ) -> ConsumerThread {
        let consumer = ConsumerThread(
            configuration: ConsumerConfiguration(
                brokers: [kafka.bootstrapServers], groupID: group, topics: topics,
                properties: [
                    ("auto.offset.reset", reset), ("topic.metadata.refresh.interval.ms", "200"),
                    ("reconnect.backoff.max.ms", "500"),
                ] + EmbeddedKafka.consumerProperties + properties,
                batchSize: batchSize, pollTimeoutMilliseconds: 20, rejoinsAfter: rejoinsAfter),
            logger: log.logger,
            makeProcessor: { seen.makeProcessor() })
        consumers.withLock { $0.append(consumer) }
        consumer.start()
        return consumer
    }

    /// Values `0`, `1`, … spread over the partitions in turn, delivered when this returns.
    func produce(_ numbers: Range<Int>, topic: String = "orders", partitions: Int = 4, with producer: Producer) throws {
        for number in numbers {
            try producer.produce(topic: topic, partition: Int32(number % partitions), value: "\(number)")
        }
        try producer.flush(timeoutMilliseconds: 20_000)
    }

    /// Until the group has committed the beginning of all four partitions of `orders`: with a long interval nothing more is then
    /// committed until a stop.
    func awaitCommittedStarts(of group: String) async throws {
        let inspector = try InspectionClient(
            brokers: [kafka.bootstrapServers], properties: [], group: group, logger: log.logger)
        let partitions = (0..<4).map { TopicPartition(topic: "orders", number: Int32($0)) }
        try await eventually("where it begins is committed") {
            inspector.committed(partitions, until: .now + .seconds(5)).offsets.values.count { $0 == 0 } == 4
        }
    }

    private func close() async {
        for consumer in consumers.withLock({ $0 }) { await consumer.stop() }
        for producer in producers.withLock({ $0 }) { producer.close(timeoutMilliseconds: 500) }
        kafka.close()
    }
}

/// The numbers as the fixture's `produce` writes them, sorted as text, for comparing without regard to order.
func sortedTexts(_ numbers: Range<Int>) -> [String] { numbers.map(String.init).sorted() }
