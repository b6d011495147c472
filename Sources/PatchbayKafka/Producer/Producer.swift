import CLibRDKafka
import Logging
import Synchronization

/// Writes records to Kafka: enqueues a copy at once, delivers in the background, counts what became of it.
///
/// Close it before letting go of it, or what is still queued is lost.
///
/// Thread: any. Delivery reports are served on librdkafka's background thread.
public final class Producer: Sendable {
    /// What became of the records so far.
    public struct Deliveries: Sendable, Equatable {
        /// Acknowledged by the brokers.
        public internal(set) var delivered: UInt64 = 0
        /// Given up on; none of them will be tried again.
        public internal(set) var failed: UInt64 = 0
        /// Why the last of the failed failed.
        public internal(set) var lastError: KafkaError?
        public init() {}
    }

    /// What a `linger.ms` should be for a rate that is known beforehand, towards an `EmbeddedKafka`.
    ///
    /// Its brokers answer a Fetch with one produced batch per partition, so batches of single records cap what a
    /// consumer gets at a few thousand per second; below that, lingering only adds its own length to the delay.
    public static func linger(recordsPerSecond rate: Int) -> (name: String, value: String) {
        ("linger.ms", rate <= 2_000 ? "0" : rate <= 20_000 ? "1" : "5")
    }

    /// Set where the caller sets nothing.
    static let defaults: [(name: String, value: String)] = [
        ("client.id", "patchbay"),
        // librdkafka waits 5 ms for company; a live feed would rather go.
        ("linger.ms", "1"),
        // The default of 100,000 is a tenth of a second at full speed.
        ("queue.buffering.max.messages", "1000000"),
        ("reconnect.backoff.ms", "100"),
        ("reconnect.backoff.max.ms", "2000"),
        ("socket.nagle.disable", "true"),
        // Retries must not reorder a partition.
        ("enable.idempotence", "true"),
    ]

    /// `@unchecked Sendable`: pointers that are only used under the mutex that holds them, or by `flush` and `close`
    /// while they hold `lifecycle`.
    private struct Native: @unchecked Sendable {
        let client: OpaquePointer
        /// Handles by topic; librdkafka's own, so that producing needs no look-up.
        var topics: [String: OpaquePointer] = [:]
    }

    private let native: Mutex<Native?>
    /// Held by `flush` and `close`, so that neither frees what the other waits on.
    private let lifecycle = Mutex(())
    private let callbacks: ProducerCallbacks
    private let logger: Logger

    /// - Parameters:
    ///   - brokers: `host:port`, at least one; they needn't be up yet.
    ///   - properties: librdkafka's, winning over Patchbay's defaults.
    /// - Throws: `configuration` in librdkafka's words.
    public init(
        brokers: [String], properties: [(name: String, value: String)] = [], logger: Logger
    ) throws(KafkaError) {
        guard !brokers.isEmpty else { throw KafkaError(.configuration, "a producer needs at least one broker") }
        let configuration = ClientConfiguration()
        try configuration.set(defaults: Self.defaults, properties: properties)
        try configuration.set("bootstrap.servers", brokers.joined(separator: ","))
        let callbacks = ProducerCallbacks(log: LibraryLog(logger), logger: logger)
        callbacks.install(in: configuration)
        let reference = Unmanaged.passRetained(callbacks)
        let client: OpaquePointer
        do throws(KafkaError) {
            client = try configuration.makeClient(.producer)
        } catch {
            reference.release()
            throw error
        }
        callbacks.serveInBackground(client)
        native = Mutex(Native(client: client))
        self.callbacks = callbacks
        self.logger = logger
    }

    public var deliveries: Deliveries { callbacks.deliveries.withLock { $0 } }

    /// What kept this client from its brokers, such as a refused connection, in the minute before `instant` or after it;
    /// `nil` when nothing did, or a record was delivered since. Says nothing about whether it lasts.
    public func trouble(since instant: ContinuousClock.Instant) -> String? {
        // librdkafka repeats an error that lasts every half minute.
        callbacks.trouble.withLock { $0.flatMap { $0.at > instant - .seconds(60) ? $0.text : nil } }
    }

    /// Why this producer will never send anything again, in librdkafka's words; `nil` while it works. What is queued stays
    /// queued until `close`.
    public var fatalError: String? {
        native.withLock { current in
            guard let client = current?.client else { return nil }
            var text = ErrorText()
            let code = text.withBuffer { rd_kafka_fatal_error(client, $0, $1) }
            return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : text.string
        }
    }

    /// Records enqueued and not yet delivered or failed; 0 once closed.
    public var queued: Int { native.withLock { $0.map { Int(rd_kafka_outq_len($0.client)) } ?? 0 } }

    // MARK: Producing

    /// Enqueues a copy of one record and returns at once.
    ///
    /// - Parameters:
    ///   - partition: `nil` to let the key decide (or chance, without a key).
    ///   - value: `nil` for a tombstone.
    ///   - timestampMilliseconds: since 1970; `nil` for now.
    ///   - report: called once with what became of the record, `nil` when the brokers have it, on librdkafka's
    ///     background thread. Never called when this throws. An error of kind `closed` means that the producer was
    ///     closed before that was known.
    /// - Throws: `queueFull` (try again later), `unknownTopic`, `unknownPartition`, `tooLarge`, `closed`. What goes
    ///   wrong after this returned is in `deliveries`.
    public func produce(
        topic: String,
        partition: Int32? = nil,
        key: [UInt8]? = nil,
        value: [UInt8]?,
        headers: [(name: String, value: [UInt8]?)] = [],
        timestampMilliseconds: Int64? = nil,
        report: (@Sendable (KafkaError?) -> Void)? = nil
    ) throws(KafkaError) {
        let opaque = report.map { Unmanaged.passRetained(DeliveryReport($0)) }
        let error = enqueue(topic) { client, handle in
            let list = headers.isEmpty ? nil : rd_kafka_headers_new(headers.count)
            for header in headers {
                // -1: the name is NUL-terminated.
                withBytes(header.value) { _ = rd_kafka_header_add(list, header.name, -1, $0.baseAddress, $0.count) }
            }
            return withBytes(key) { key in
                withBytes(value) { value in
                    var arguments: [rd_kafka_vu_t] = []
                    arguments.append(.topic(handle))
                    arguments.append(.partition(partition ?? partitionUnassigned))
                    arguments.append(.flags(RD_KAFKA_MSG_F_COPY))
                    arguments.append(.key(key))
                    arguments.append(.value(value))
                    if let timestampMilliseconds { arguments.append(.timestamp(timestampMilliseconds)) }
                    if let opaque { arguments.append(.opaque(opaque.toOpaque())) }
                    if let list { arguments.append(.headers(list)) }
                    guard let failure = rd_kafka_produceva(client, arguments, arguments.count) else {
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }
                    // Only a record that was taken takes its headers along.
                    if let list { rd_kafka_headers_destroy(list) }
                    defer { rd_kafka_error_destroy(failure) }
                    // Of a producer that has failed for good this function gives the cause as the code, unlike `rd_kafka_produce`.
                    return rd_kafka_error_is_fatal(failure) != 0 ? RD_KAFKA_RESP_ERR__FATAL : rd_kafka_error_code(failure)
                }
            }
        }
        // Only a record that was taken is reported on.
        if error != RD_KAFKA_RESP_ERR_NO_ERROR { opaque?.release() }
        try check(error, topic: topic, partition: partition, size: (value?.count ?? 0) + (key?.count ?? 0))
    }

    /// The same for text.
    public func produce(topic: String, partition: Int32? = nil, key: String? = nil, value: String) throws(KafkaError) {
        try produce(topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: Array(value.utf8))
    }

    /// The same for high rates: one copy into librdkafka and no other allocation of ours. A `nil` value is a tombstone.
    /// Both buffers are free again when this returns.
    public func produce(
        topic: String, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        let error = enqueue(topic) { _, handle in
            let result = rd_kafka_produce(
                handle, partition ?? partitionUnassigned, RD_KAFKA_MSG_F_COPY,
                UnsafeMutableRawPointer(mutating: value.map(startOf)), value?.count ?? 0,
                key.map(startOf), key?.count ?? 0, nil)
            return result == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()
        }
        try check(error, topic: topic, partition: partition, size: (value?.count ?? 0) + (key?.count ?? 0))
    }

    // MARK: Finishing

    /// Waits until everything enqueued so far is delivered or has failed. Blocks the calling thread.
    ///
    /// - Throws: `timedOut`, saying how many records are left; `closed`.
    public func flush(timeoutMilliseconds: Int) throws(KafkaError) {
        let outcome = whileOpen { client in (rd_kafka_flush(client, Int32(clamping: timeoutMilliseconds)), rd_kafka_outq_len(client)) }
        guard let (error, left) = outcome else { throw KafkaError(.closed, "the producer is closed") }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError(
                .timedOut, "\(left) records are still undelivered after \(timeoutMilliseconds) ms; is Kafka reachable?",
                code: KafkaErrorCode(error))
        }
    }

    /// Delivers what is queued, within this time, and frees the producer. Safe to call more than once. Blocks.
    /// Records that couldn't be delivered are counted as failed and logged.
    public func close(timeoutMilliseconds: Int = 5_000) {
        lifecycle.withLock { _ in
            let taken = native.withLock { current -> Native? in
                defer { current = nil }
                return current
            }
            guard let taken else { return }
            rd_kafka_flush(taken.client, Int32(clamping: timeoutMilliseconds))
            // What is left now is reported as failed, and the second flush waits for those reports.
            rd_kafka_purge(taken.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            rd_kafka_flush(taken.client, 1_000)
            for topic in taken.topics.values { rd_kafka_topic_destroy(topic) }
            let (client, callbacks) = (ClientReference(pointer: taken.client), callbacks)
            ClientDisposal.run("producer", patience: .seconds(1), logger: logger) {
                rd_kafka_destroy(client.pointer)
                callbacks.afterDestroy()
            }
        }
    }

    // MARK: Details

    /// For calls that block: the client stays until `body` returns.
    /// - Returns: `nil` when closed.
    func whileOpen<Result: Sendable>(_ body: (OpaquePointer) -> Result) -> Result? {
        lifecycle.withLock { _ in
            native.withLock { $0.map { ClientReference(pointer: $0.client) } }.map { body($0.pointer) }
        }
    }

    private struct ClientReference: @unchecked Sendable {
        // Only used while `lifecycle` is held, which keeps the client alive, or by the thread that destroys it.
        let pointer: OpaquePointer
    }

    /// - Returns: `nil` when closed.
    private func enqueue(
        _ topic: String, _ body: (_ client: OpaquePointer, _ topic: OpaquePointer) -> rd_kafka_resp_err_t
    ) -> rd_kafka_resp_err_t? {
        native.withLock { current in
            guard let client = current?.client else { return nil }
            if let handle = current?.topics[topic] { return body(client, handle) }
            guard let handle = rd_kafka_topic_new(client, topic, nil) else { return rd_kafka_last_error() }
            current?.topics[topic] = handle
            return body(client, handle)
        }
    }

    private func check(
        _ error: rd_kafka_resp_err_t?, topic: String, partition: Int32?, size: Int
    ) throws(KafkaError) {
        guard let error else {
            throw KafkaError(.closed, "the producer is closed; the record for topic `\(topic)` was not accepted")
        }
        let code = KafkaErrorCode(error)
        switch error {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            throw KafkaError(
                .queueFull,
                "the producer's queue is full, so the record for topic `\(topic)` was not accepted: "
                    + "retry when Kafka has caught up, or raise `queue.buffering.max.messages` and `.kbytes`",
                code: code)
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            throw KafkaError(
                .tooLarge,
                "a record of \(size) bytes is too large for topic `\(topic)`: "
                    + "send less, or raise `message.max.bytes` here and at the broker",
                code: code)
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            throw KafkaError(
                .unknownTopic, "topic `\(topic)` doesn't exist: create it, or check its spelling", code: code)
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            throw KafkaError(
                .unknownPartition, "topic `\(topic)` has no partition \(partition ?? 0)", code: code)
        default:
            throw KafkaError(.other, "can't produce to topic `\(topic)`: \(code)", code: code)
        }
    }
}

/// An empty buffer may have no address, but no address means "none" to librdkafka.
private func startOf(_ buffer: UnsafeRawBufferPointer) -> UnsafeRawPointer {
    // Never read: it goes with the length 0.
    buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
}

private func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(start: startOf($0), count: $0.count)) }
}

/// The arguments of `rd_kafka_produceva`, one union each.
extension rd_kafka_vu_t {
    fileprivate static func topic(_ handle: OpaquePointer) -> Self {
        make(RD_KAFKA_VTYPE_RKT) { $0.u.rkt = handle }
    }
    fileprivate static func partition(_ number: Int32) -> Self {
        make(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = number }
    }
    fileprivate static func flags(_ flags: Int32) -> Self {
        make(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = flags }
    }
    fileprivate static func key(_ bytes: UnsafeRawBufferPointer) -> Self {
        make(RD_KAFKA_VTYPE_KEY) { $0.setMemory(bytes) }
    }
    fileprivate static func value(_ bytes: UnsafeRawBufferPointer) -> Self {
        make(RD_KAFKA_VTYPE_VALUE) { $0.setMemory(bytes) }
    }
    fileprivate static func timestamp(_ milliseconds: Int64) -> Self {
        make(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = milliseconds }
    }
    fileprivate static func opaque(_ pointer: UnsafeMutableRawPointer) -> Self {
        make(RD_KAFKA_VTYPE_OPAQUE) { $0.u.ptr = pointer }
    }
    fileprivate static func headers(_ list: OpaquePointer) -> Self {
        make(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = list }
    }

    private static func make(_ type: rd_kafka_vtype_t, _ fill: (inout Self) -> Void) -> Self {
        var argument = Self()
        argument.vtype = type
        fill(&argument)
        return argument
    }

    private mutating func setMemory(_ bytes: UnsafeRawBufferPointer) {
        u.mem.ptr = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        u.mem.size = bytes.count
    }
}
