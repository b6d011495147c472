import CLibRDKafka

/// What went wrong at the border to Kafka, as a sentence for a person and a kind for code.
public struct KafkaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Kind: Sendable, Equatable {
        /// The producer's queue holds as much as `queue.buffering.max.*` allows; try again later.
        case queueFull
        case unknownTopic
        case unknownPartition
        /// A record larger than `message.max.bytes`.
        case tooLarge
        /// A property or argument that librdkafka or Patchbay refuses.
        case configuration
        /// Used after `close()`.
        case closed
        case timedOut
        case other
    }

    public let kind: Kind
    /// One sentence: what failed, where, and what to do.
    public let message: String
    /// librdkafka's own code, 0 when the error isn't librdkafka's.
    public let code: KafkaErrorCode

    public init(_ kind: Kind, _ message: String, code: KafkaErrorCode = .none) {
        self.kind = kind
        self.message = message
        self.code = code
    }

    public var description: String { message }

    /// Whether the client that reported it can do nothing more and has to be replaced.
    public var isFatal: Bool { code == KafkaErrorCode(RD_KAFKA_RESP_ERR__FATAL) }
}

/// A Kafka protocol error code (positive) or one of librdkafka's own (negative), as in `rd_kafka_resp_err_t`.
public struct KafkaErrorCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    init(_ error: rd_kafka_resp_err_t) { self.rawValue = error.rawValue }

    var native: rd_kafka_resp_err_t { rd_kafka_resp_err_t(rawValue: rawValue) }

    /// librdkafka's text, such as `Broker: Unknown topic or partition`.
    public var description: String { String(cString: rd_kafka_err2str(native)) }

    public static let none = KafkaErrorCode(RD_KAFKA_RESP_ERR_NO_ERROR)
    /// The connection failed. Injected into an `EmbeddedKafka`, it makes the broker hang up.
    public static let transport = KafkaErrorCode(RD_KAFKA_RESP_ERR__TRANSPORT)
    public static let unknownTopicOrPartition = KafkaErrorCode(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    public static let notLeader = KafkaErrorCode(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
    public static let coordinatorNotAvailable = KafkaErrorCode(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
    public static let notCoordinator = KafkaErrorCode(RD_KAFKA_RESP_ERR_NOT_COORDINATOR)
    public static let rebalanceInProgress = KafkaErrorCode(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
    public static let topicAuthorizationFailed = KafkaErrorCode(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
    public static let messageTooLarge = KafkaErrorCode(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
}
