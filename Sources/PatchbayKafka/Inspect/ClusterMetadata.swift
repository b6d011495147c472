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
        try describe(brokers: brokers, properties: properties, timeout: timeout, logger: logger).topics
    }

    /// The same, with the addresses that the brokers advertise: all further connections go there, and not to `brokers`.
    public static func describe(
        brokers: [String], properties: [(name: String, value: String)] = [], timeout: Duration, logger: Logger
    ) throws(KafkaError) -> (topics: [TopicDescription], advertised: [AdvertisedBroker]) {
        let client = try InspectionClient(brokers: brokers, properties: properties, logger: logger)
        let listing = try client.listing(until: .now + timeout)
        return (listing.topics.sorted { $0.name < $1.name }, listing.brokers)
    }

    /// Connects to one advertised address, with TLS and SASL as the properties say.
    ///
    /// Blocks the calling thread for up to `timeout`. Thread: any.
    /// - Returns: why it can't be used, as a sentence; `nil` when it answers.
    public static func problem(
        with broker: AdvertisedBroker, properties: [(name: String, value: String)], timeout: Duration, logger: Logger
    ) -> String? {
        do throws(KafkaError) {
            let client = try InspectionClient(brokers: [broker.address], properties: properties, logger: logger)
            _ = try client.listing(until: .now + timeout)
            return nil
        } catch {
            // The address is known to who asks.
            var reason = Substring(error.message)
            for lead in ["no Kafka broker answers at \(broker.address): ", "\(broker.address): "] where reason.hasPrefix(lead) {
                reason = reason.dropFirst(lead.count)
            }
            return String(reason)
        }
    }
}

/// A broker as the cluster's metadata names it.
public struct AdvertisedBroker: Sendable, Equatable {
    /// `node.id` (or `broker.id`) of its configuration.
    public let id: Int32
    /// `host:port` of its advertised listener.
    public let address: String

    public init(id: Int32, address: String) {
        self.id = id
        self.address = address
    }
}

/// A cluster's answer to what it holds, copied.
struct ClusterListing: Sendable {
    var brokers: [AdvertisedBroker] = []
    var brokerCount: Int { brokers.count }
    var topics: [TopicDescription]
    /// Who leads each partition, by identifier; without those that nobody leads.
    var leaders: [TopicPartition: Int32] = [:]

    /// Blocks for a round trip. A topic that doesn't exist is left out, be it asked for by name or not.
    /// - Parameter isAll: whether all topics of the cluster are asked for; else those that the client has handles of, and when it
    ///   has none all the same.
    /// - Throws: librdkafka's code when there is no answer in time.
    init(
        _ client: OpaquePointer, isAll: Bool = true, timeoutMilliseconds: Int32, wantsLeaders: Bool = false
    ) throws(KafkaErrorCode) {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(client, isAll ? 1 : 0, nil, &answer, timeoutMilliseconds)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw KafkaErrorCode(error) }
        defer { rd_kafka_metadata_destroy(answer) }
        for broker in UnsafeBufferPointer(start: answer.pointee.brokers, count: Int(answer.pointee.broker_cnt)) {
            let host = broker.host.map { String(cString: $0) } ?? ""
            let shown = host.contains(":") ? "[\(host)]" : host
            brokers.append(AdvertisedBroker(id: broker.id, address: "\(shown):\(broker.port)"))
        }
        topics = []
        for index in 0..<Int(answer.pointee.topic_cnt) {
            let topic = answer.pointee.topics[index]
            guard let name = topic.topic, topic.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART else { continue }
            topics.append(
                TopicDescription(
                    name: String(cString: name), partitionCount: Int(topic.partition_cnt),
                    problem: topic.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaErrorCode(topic.err).description))
            guard wantsLeaders else { continue }
            for partition in UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt)) where partition.leader >= 0 {
                leaders[TopicPartition(topic: String(cString: name), number: partition.id)] = partition.leader
            }
        }
    }
}

extension KafkaErrorCode: Error {}
