import Logging
import PatchbayCore
import PatchbayKafka

/// The last records of topics, for looking at.
enum TopicSamples {
    /// - Throws: exit code 69, after saying why a topic can't be read.
    static func read(
        _ topics: [String], brokers: [String], properties: [(name: String, value: String)], last: Int,
        timeout: Duration, logger: Logger
    ) throws -> [Scaffold.Topic] {
        try topics.map { topic in
            do throws(KafkaError) {
                let reader = try TopicReader(brokers: brokers, properties: properties, topic: topic, logger: logger)
                defer { reader.close() }
                return Scaffold.Topic(
                    name: topic, records: try reader.readLast(last, timeout: timeout).map(SampledRecord.init))
            } catch {
                throw Exit.because("can't read topic \(topic): \(error.message)", Exit.unavailable)
            }
        }
    }
}

extension SampledRecord {
    init(_ record: ConsumedRecord) {
        self.init(
            partition: record.partition, recordOffset: record.recordOffset,
            timestampMilliseconds: record.timestampMilliseconds, key: record.key, value: record.value,
            headers: record.headers.map { Header(name: $0.name, value: $0.value) })
    }
}
