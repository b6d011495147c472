import CLibRDKafka
import Logging
import Synchronization

/// A Kafka cluster inside this process: librdkafka's mock cluster, which speaks the real protocol on loopback.
///
/// It keeps about 5 MB per partition, creates topics it is asked for with 4 partitions unless the client forbids it,
/// and waits three seconds before the first assignment of a consumer group. Where it differs from real brokers so that
/// clients notice, `consumerProperties` makes up for it.
///
/// Thread: any; its own background thread serves the sockets.
public final class EmbeddedKafka: Sendable {
    /// What consumers of an embedded cluster should set.
    ///
    /// - A Fetch that finds no data is answered after the whole of `fetch.wait.max.ms`, even if data arrives meanwhile,
    ///   so this is the shortest wait that doesn't spin. A real broker answers the moment data arrives.
    /// - A group's every rebalance after the first takes its session timeout less one second. A real coordinator waits
    ///   only for members that are missing.
    public static let consumerProperties: [(name: String, value: String)] = [
        ("fetch.wait.max.ms", "1"), ("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "500"),
    ]

    /// How long consumers of an embedded cluster should wait for its group before they ask again with a new client.
    ///
    /// A member whose session ends while the group forms, such as when the process was frozen, is forgotten together
    /// with its join, and librdkafka's mock never reads from that connection again; the client waits for an answer for
    /// `max.poll.interval.ms` (seen with 2.0.2).
    public static let rejoinsAfter = Duration.seconds(15)

    /// The `host:port` list to connect to, comma-separated.
    public let bootstrapServers: String
    /// Broker identifiers count from 1 to this.
    public let brokerCount: Int

    /// The client that librdkafka wants for its bookkeeping, and the cluster itself.
    ///
    /// `@unchecked Sendable`: two pointers that are only used under the mutex below.
    private struct Handles: @unchecked Sendable {
        let client: OpaquePointer
        let cluster: OpaquePointer
    }

    private let handles: Mutex<Handles?>

    /// Starts the brokers and creates the topics.
    ///
    /// - Parameters:
    ///   - brokers: 1...100.
    ///   - topics: names with their number of partitions, each at least 1.
    /// - Throws: `configuration` for numbers out of range, `other` when no socket can be opened.
    public init(
        brokers: Int = 1, topics: [(name: String, partitions: Int)] = [], logger: Logger? = nil
    ) throws(KafkaError) {
        guard (1...100).contains(brokers) else {
            throw KafkaError(.configuration, "an embedded Kafka has 1 to 100 brokers, not \(brokers)")
        }
        let configuration = ClientConfiguration()
        configuration.withNative {
            // Thread: any of librdkafka's. Captures nothing; the bookkeeping client never connects, so its lines
            // ("no bootstrap.servers configured") would only mislead.
            rd_kafka_conf_set_log_cb($0) { _, _, _, _ in }
        }
        let client = try configuration.makeClient(.producer)
        guard let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
            rd_kafka_destroy(client)
            throw KafkaError(.other, "the embedded Kafka can't open its loopback sockets; is a file limit reached?")
        }
        bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
        brokerCount = brokers
        handles = Mutex(Handles(client: client, cluster: cluster))
        logger?.debug("embedded Kafka listens", metadata: ["brokers": "\(bootstrapServers)"])
        do throws(KafkaError) {
            for topic in topics { try createTopic(topic.name, partitions: topic.partitions) }
        } catch {
            close()
            throw error
        }
    }

    /// Stops the brokers and frees their data. Safe to call more than once; blocks until the sockets are closed.
    /// Close clients first: they would only see their brokers vanish.
    public func close() {
        let taken = handles.withLock { current -> Handles? in
            defer { current = nil }
            return current
        }
        guard let taken else { return }
        rd_kafka_mock_cluster_destroy(taken.cluster)
        rd_kafka_destroy(taken.client)
    }

    /// - Parameter partitions: 1...1,000.
    /// - Throws: `configuration` when out of range or the topic exists already; `closed`.
    public func createTopic(_ name: String, partitions: Int) throws(KafkaError) {
        guard (1...1000).contains(partitions) else {
            throw KafkaError(.configuration, "topic `\(name)` can have 1 to 1000 partitions, not \(partitions)")
        }
        try call("create topic `\(name)`") { rd_kafka_mock_topic_create($0, name, Int32(partitions), 1) }
    }

    // MARK: Fault injection

    /// Hangs up and refuses connections.
    /// - Parameter broker: its identifier, counting from 1; `nil` for all.
    public func takeDown(broker: Int? = nil) throws(KafkaError) {
        try call("take a broker down") { rd_kafka_mock_broker_set_down($0, Int32(broker ?? -1)) }
    }

    /// Accepts connections again, on the same port.
    public func bringUp(broker: Int? = nil) throws(KafkaError) {
        try call("bring a broker up") { rd_kafka_mock_broker_set_up($0, Int32(broker ?? -1)) }
    }

    /// Delays every answer.
    public func setRoundTripTime(milliseconds: Int, broker: Int? = nil) throws(KafkaError) {
        try call("set a round-trip time") {
            rd_kafka_mock_broker_set_rtt($0, Int32(broker ?? -1), Int32(milliseconds))
        }
    }

    /// The next requests of this kind fail, one error each, in order.
    public func failNext(_ request: KafkaRequest, with errors: [KafkaErrorCode]) throws(KafkaError) {
        let native = errors.map(\.native)
        try call("inject errors") {
            rd_kafka_mock_push_request_errors_array($0, request.rawValue, native.count, native)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Forgets injected errors that haven't been used up.
    public func clearFailures(of request: KafkaRequest) throws(KafkaError) {
        try call("clear injected errors") {
            rd_kafka_mock_clear_request_errors($0, request.rawValue)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Metadata reports this error for the topic until it is set back to `none`.
    public func setTopicError(_ topic: String, _ error: KafkaErrorCode) throws(KafkaError) {
        try call("set a topic error") {
            rd_kafka_mock_topic_set_error($0, topic, error.native)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Makes this broker the group's coordinator.
    public func setCoordinator(group: String, broker: Int) throws(KafkaError) {
        try call("set the coordinator") { rd_kafka_mock_coordinator_set($0, "group", group, Int32(broker)) }
    }

    /// Makes this broker lead the partition; `nil` leaves it without a leader.
    public func setLeader(topic: String, partition: Int, broker: Int?) throws(KafkaError) {
        try call("set a leader") {
            rd_kafka_mock_partition_set_leader($0, topic, Int32(partition), Int32(broker ?? -1))
        }
    }

    private func call(_ what: String, _ body: (OpaquePointer) -> rd_kafka_resp_err_t) throws(KafkaError) {
        let error = handles.withLock { current -> rd_kafka_resp_err_t? in
            guard let current else { return nil }
            return body(current.cluster)
        }
        guard let error else { throw KafkaError(.closed, "the embedded Kafka is closed; it can't \(what) any more") }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let code = KafkaErrorCode(error)
            throw KafkaError(.configuration, "the embedded Kafka can't \(what): \(code)", code: code)
        }
    }
}

/// Kinds of requests that an `EmbeddedKafka` can be told to fail; the numbers are Kafka's API keys
/// (https://kafka.apache.org/protocol#protocol_api_keys).
public enum KafkaRequest: Int16, Sendable, CaseIterable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case initProducerID = 22
}
