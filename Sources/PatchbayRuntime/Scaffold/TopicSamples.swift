import Logging
import PatchbayCore
import PatchbayKafka

/// The last records of topics, for looking at.
package enum TopicSamples {
    /// Why a topic can't be read.
    package struct Failure: Error {
        package let topic: String
        package let reason: String
    }

    package static func read(
        _ topics: [String], brokers: [String], properties: [(name: String, value: String)], last: Int,
        timeout: Duration, logger: Logger
    ) throws(Failure) -> [Scaffold.Topic] {
        try topics.map { topic throws(Failure) in
            do throws(KafkaError) {
                let reader = try TopicReader(brokers: brokers, properties: properties, topic: topic, logger: logger)
                defer { reader.close() }
                return Scaffold.Topic(
                    name: topic, records: try reader.readLast(last, timeout: timeout).map(SampledRecord.init))
            } catch {
                throw Failure(topic: topic, reason: error.message)
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
