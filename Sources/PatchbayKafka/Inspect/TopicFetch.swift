import CLibRDKafka

/// The one owner of a topic being read through librdkafka's simple consumer, which knows no groups.
///
/// Thread: one at a time. Must be gone before its client is.
final class TopicFetch {
    enum Event {
        case record(ConsumedRecord)
        /// Everything that the partition held has been handed out.
        case end(partition: Int32)
    }

    private let client: InspectionClient
    private let topic: String
    private let handle: OpaquePointer
    private let queue: OpaquePointer
    private var started: [Int32] = []

    /// - Throws: `other` when librdkafka refuses the topic's name.
    init(_ client: InspectionClient, topic: String) throws(KafkaError) {
        guard let handle = rd_kafka_topic_new(client.native, topic, nil) else {
            let code = KafkaErrorCode(rd_kafka_last_error())
            throw KafkaError(.other, "topic `\(topic)` can't be read: \(code)", code: code)
        }
        self.client = client
        self.topic = topic
        self.handle = handle
        queue = rd_kafka_queue_new(client.native)
    }

    deinit {
        for partition in started { rd_kafka_consume_stop(handle, partition) }
        rd_kafka_queue_destroy(queue)
        rd_kafka_topic_destroy(handle)
    }

    /// At most once for each partition.
    func start(_ partition: Int32, at offset: Int64) throws(KafkaError) {
        guard rd_kafka_consume_start_queue(handle, partition, offset, queue) == 0 else {
            let code = KafkaErrorCode(rd_kafka_last_error())
            throw KafkaError(.other, "partition \(partition) of topic `\(topic)` can't be read: \(code)", code: code)
        }
        started.append(partition)
    }

    /// `nil` when nothing comes in time.
    /// - Throws: `unknownTopic`, `other` for what waiting doesn't mend.
    func next(timeoutMilliseconds: Int32) throws(KafkaError) -> Event? {
        guard let message = rd_kafka_consume_queue(queue, timeoutMilliseconds) else { return nil }
        defer { rd_kafka_message_destroy(message) }
        let code = KafkaErrorCode(message.pointee.err)
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return .record(ConsumedRecord(copying: message, topic: topic))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            return .end(partition: message.pointee.partition)
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            throw KafkaError(.unknownTopic, "topic `\(topic)` is gone: \(code)", code: code)
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
            throw KafkaError(.other, "topic `\(topic)` can't be read: \(code)", code: code)
        default:
            // A connection that comes back, or a batch that can't be read.
            return nil
        }
    }
}
