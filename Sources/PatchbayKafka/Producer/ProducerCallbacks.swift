import CLibRDKafka
import Logging
import Synchronization

/// What librdkafka hands back to the callbacks of one producer: its opaque pointer.
///
/// The producer's initialiser leaves one reference with librdkafka; `afterDestroy` takes it back once
/// `rd_kafka_destroy` has returned, when no callback can run any more.
///
/// Thread: any.
final class ProducerCallbacks: Sendable {
    let log: LibraryLog
    let deliveries = Mutex(Producer.Deliveries())
    /// What last kept the client from its brokers; `nil` once they took a record.
    let trouble = Mutex<(text: String, at: ContinuousClock.Instant)?>(nil)
    private let logger: Logger
    private let failureLog = Mutex(OncePerInterval(every: .seconds(1)))

    init(log: LibraryLog, logger: Logger) {
        self.log = log
        self.logger = logger
    }

    func install(in configuration: borrowing ClientConfiguration) {
        configuration.withNative { native in
            rd_kafka_conf_set_opaque(native, Unmanaged.passUnretained(self).toOpaque())
            rd_kafka_conf_set_events(native, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)

            // Thread: librdkafka's background thread. Owns the event and must destroy it.
            rd_kafka_conf_set_background_event_cb(native) { _, event, opaque in
                defer { rd_kafka_event_destroy(event) }
                guard let event, let callbacks = ProducerCallbacks.from(opaque) else { return }
                switch rd_kafka_event_type(event) {
                case RD_KAFKA_EVENT_DR: callbacks.delivered(event)
                case RD_KAFKA_EVENT_ERROR: callbacks.failed(event)
                default: break
                }
            }

            // Thread: any of librdkafka's, also while the client is being made or destroyed. Texts are valid during the
            // call. Must not call back into the client.
            rd_kafka_conf_set_log_cb(native) { client, severity, facility, text in
                guard let client, let text, let callbacks = ProducerCallbacks.from(rd_kafka_opaque(client)) else {
                    return
                }
                callbacks.log.write(
                    severity: severity, facility: facility.map { String(cString: $0) } ?? "",
                    text: String(cString: text))
            }
        }
    }

    /// Has librdkafka's background thread serve what `rd_kafka_poll` would: delivery reports and errors.
    func serveInBackground(_ client: OpaquePointer) {
        guard let main = rd_kafka_queue_get_main(client) else { return }
        defer { rd_kafka_queue_destroy(main) }
        guard let background = rd_kafka_queue_get_background(client) else { return }
        defer { rd_kafka_queue_destroy(background) }
        rd_kafka_queue_forward(main, background)
    }

    /// Gives back the reference that librdkafka held.
    func afterDestroy() { Unmanaged.passUnretained(self).release() }

    private func delivered(_ event: OpaquePointer) {
        var delivered: UInt64 = 0
        var failed: UInt64 = 0
        var lastError: KafkaError?
        while let message = rd_kafka_event_message_next(event) {
            // Takes back the reference that `produce` left with the record; each record is reported on once.
            let report = message.pointee._private.map { Unmanaged<DeliveryReport>.fromOpaque($0).takeRetainedValue() }
            let code = message.pointee.err
            if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                delivered += 1
                report?.body(nil)
                continue
            }
            failed += 1
            let topic = message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? "?"
            let error = Self.explain(KafkaErrorCode(code), topic: topic)
            lastError = error
            report?.body(error)
        }
        if delivered > 0 { trouble.withLock { $0 = nil } }
        deliveries.withLock {
            $0.delivered &+= delivered
            $0.failed &+= failed
            if let lastError { $0.lastError = lastError }
        }
        if let lastError { say("records could not be delivered", lastError.message, ["count": "\(failed)"]) }
    }

    private func failed(_ event: OpaquePointer) {
        let code = rd_kafka_event_error(event)
        let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? ""
        trouble.withLock { $0 = (ConnectionProblem(text)?.sentence ?? text, .now) }
        if rd_kafka_event_error_is_fatal(event) != 0 {
            return say("the Kafka producer failed for good", text, [:])
        }
        switch code {
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT:
            logger.debug("Kafka connection failed", metadata: ["reason": "\(text)"])
        default:
            say("Kafka reports an error to the producer", text, [:])
        }
    }

    private func say(_ what: Logger.Message, _ reason: String, _ metadata: Logger.Metadata) {
        guard let suppressed = failureLog.withLock({ $0.admit(at: .now) }) else { return }
        var metadata = metadata
        metadata["reason"] = "\(reason)"
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning(what, metadata: metadata)
    }

    private static func explain(_ code: KafkaErrorCode, topic: String) -> KafkaError {
        let kind: KafkaError.Kind =
            switch code.native {
            case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: .unknownTopic
            case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: .unknownPartition
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: .tooLarge
            case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: .timedOut
            case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY: .closed
            default: .other
            }
        if kind == .unknownTopic {
            return KafkaError(kind, "topic `\(topic)` doesn't exist: create it, or check its spelling", code: code)
        }
        return KafkaError(kind, "a record for topic `\(topic)` was not delivered: \(code)", code: code)
    }

    private static func from(_ opaque: UnsafeMutableRawPointer?) -> ProducerCallbacks? {
        opaque.map { Unmanaged<ProducerCallbacks>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// What is to be told of one record: its opaque pointer. Lives from `produce` to the delivery report.
final class DeliveryReport: Sendable {
    let body: @Sendable (KafkaError?) -> Void

    init(_ body: @escaping @Sendable (KafkaError?) -> Void) { self.body = body }
}
