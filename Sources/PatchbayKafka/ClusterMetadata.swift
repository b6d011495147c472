import CLibRDKafka
import Logging

/// What brokers say about one topic.
public struct TopicDescription: Sendable, Equatable {
    public let name: String
    /// 0 when `problem` says why that isn't known.
    public let partitionCount: Int
    /// What is wrong with the topic, in librdkafka's words; `nil` when nothing is.
    public let problem: String?
    /// Whether the name is one that Kafka keeps for itself, such as `__consumer_offsets`.
    public let isInternal: Bool

    public init(name: String, partitionCount: Int, problem: String? = nil) {
        self.name = name
        self.partitionCount = partitionCount
        self.problem = problem
        // The protocol's own mark doesn't get through librdkafka; all of Kafka's begin like this.
        isInternal = name.hasPrefix("__")
    }
}

/// Questions to a cluster that need neither a consumer group nor a topic.
public enum ClusterMetadata {
    /// All topics that the cluster lets this client see, by name. Creates none: none is asked for by name.
    ///
    /// Blocks the calling thread for up to `timeout`. Thread: any.
    /// - Parameter properties: librdkafka's, be they for consumers or producers.
    /// - Throws: `configuration` in librdkafka's words; `timedOut` when no broker answers in time.
    public static func topics(
        brokers: [String], properties: [(name: String, value: String)] = [], timeout: Duration, logger: Logger
    ) throws(KafkaError) -> [TopicDescription] {
        let client = try LookingClient(brokers: brokers, properties: properties, logger: logger)
        return try client.topics(until: .now + timeout)
    }
}

/// A cluster's answer to what it holds, copied.
struct ClusterListing {
    var brokerCount: Int
    var topics: [TopicDescription]

    /// Asks for all topics, since asking for one by name may create it. Blocks for a round trip.
    /// - Throws: librdkafka's code when there is no answer in time.
    init(_ client: OpaquePointer, timeoutMilliseconds: Int32) throws(KafkaErrorCode) {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(client, 1, nil, &answer, timeoutMilliseconds)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw KafkaErrorCode(error) }
        defer { rd_kafka_metadata_destroy(answer) }
        brokerCount = Int(answer.pointee.broker_cnt)
        topics = []
        for index in 0..<Int(answer.pointee.topic_cnt) {
            let topic = answer.pointee.topics[index]
            guard let name = topic.topic else { continue }
            topics.append(
                TopicDescription(
                    name: String(cString: name), partitionCount: Int(topic.partition_cnt),
                    problem: topic.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaErrorCode(topic.err).description))
        }
    }
}

extension KafkaErrorCode: Error {}
