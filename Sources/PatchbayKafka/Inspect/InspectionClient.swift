import CLibRDKafka
import Logging
import Synchronization

/// A client that looks at a cluster without being a member of any group and without committing anything.
///
/// Thread: questions from any, at the same time; records are read by one at a time. Frees its client when it goes, within about a
/// second.
///
/// `@unchecked Sendable`: librdkafka's clients may be used by several threads at once, and nothing else of it changes outside its mutex.
final class InspectionClient: @unchecked Sendable {
    let native: OpaquePointer
    private let brokers: [String]
    private let log: Log
    /// Whether brokers answered all that was asked; if not, freeing may have to wait for what is under way.
    private let isAnswered = Atomic(true)
    /// Of topics that are asked for by name: librdkafka asks for those that it has a handle of.
    private let handles = Mutex<[String: OpaquePointer]>([:])

    /// What librdkafka hands back to the log callback: its opaque pointer. Thread: any.
    private final class Log: Sendable {
        let log: LibraryLog
        let logger: Logger
        let lastFailure = Mutex<String?>(nil)

        init(_ logger: Logger) {
            self.logger = logger
            log = LibraryLog(logger)
        }

        /// Keeps the latest, but what says most: a connection that breaks is often only the end of what was wrong before.
        func failed(_ line: String) {
            lastFailure.withLock { last in
                let isMistake = { (text: String) in ConnectionProblem(text).map { !$0.kind.mayPass } ?? false }
                if let known = last, isMistake(known), !isMistake(line) { return }
                last = line
            }
        }
    }

    private static let defaults: [(name: String, value: String)] = [
        ("client.id", "patchbay"), ("reconnect.backoff.ms", "100"), ("reconnect.backoff.max.ms", "1000"),
        // Looks at few records, and a person waits for the end of them.
        ("fetch.wait.max.ms", "100"), ("queued.max.messages.kbytes", "16384"), ("socket.nagle.disable", "true"),
    ]

    /// Makes the client; brokers needn't be there yet.
    /// - Parameter group: whose committed offsets may be asked for, without joining it.
    /// - Throws: `configuration` in librdkafka's words.
    init(
        brokers: [String], properties: [(name: String, value: String)], group: String? = nil, logger: Logger
    ) throws(KafkaError) {
        guard !brokers.isEmpty else { throw KafkaError(.configuration, "at least one broker is needed") }
        let configuration = ClientConfiguration()
        try configuration.set(defaults: Self.defaults, properties: properties)
        try configuration.set(
            defaults: [],
            properties: [
                ("bootstrap.servers", brokers.joined(separator: ",")), ("allow.auto.create.topics", "false"),
                ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("enable.partition.eof", "true"),
                // Nobody polls for statistics here; they would pile up.
                ("statistics.interval.ms", "0"),
                // For what is deleted between the question where to begin and the reading of it.
                ("auto.offset.reset", "earliest"),
            ])
        if let group { try configuration.set("group.id", group) }
        let log = Log(logger)
        configuration.withNative { native in
            rd_kafka_conf_set_opaque(native, Unmanaged.passUnretained(log).toOpaque())
            // Thread: any of librdkafka's, also while the client is being made or destroyed. Texts are valid during the
            // call. Must not call back into the client.
            rd_kafka_conf_set_log_cb(native) { client, severity, facility, text in
                guard let client, let text, let opaque = rd_kafka_opaque(client) else { return }
                let log = Unmanaged<Log>.fromOpaque(opaque).takeUnretainedValue()
                let facility = facility.map { String(cString: $0) } ?? ""
                let line = String(cString: text)
                if facility == "FAIL" { log.failed(line) }
                log.log.write(severity: severity, facility: facility, text: line)
            }
        }
        let reference = Unmanaged.passRetained(log)
        do throws(KafkaError) {
            native = try configuration.makeClient(.consumer)
        } catch {
            reference.release()
            throw error
        }
        self.brokers = brokers
        self.log = log
    }

    deinit {
        handles.withLock { handles in
            for handle in handles.values { rd_kafka_topic_destroy(handle) }
            handles = [:]
        }
        let closed = ClosedClient(client: native)
        // librdkafka waits for requests under way, up to `socket.timeout.ms`; nobody else need wait for that.
        ClientDisposal.run("reader", patience: isAnswered.load(ordering: .relaxed) ? .seconds(1) : .zero, logger: log.logger) {
            closed.destroy()
        }
    }

    /// `@unchecked Sendable`: the pointer has no other user; librdkafka's clients may be destroyed on any thread.
    private struct ClosedClient: @unchecked Sendable {
        let client: OpaquePointer

        /// Ends the lifetime of the client and of what its opaque pointer refers to.
        func destroy() {
            let opaque = rd_kafka_opaque(client)
            rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            if let opaque { Unmanaged<Log>.fromOpaque(opaque).release() }
        }
    }

    // MARK: Questions

    /// All topics, by name.
    /// - Throws: `timedOut`.
    func topics(until deadline: ContinuousClock.Instant) throws(KafkaError) -> [TopicDescription] {
        try listing(until: deadline).topics.sorted { $0.name < $1.name }
    }

    /// Topics and brokers. Creates no topic (`allow.auto.create.topics`), but brokers older than 0.11 and the embedded Kafka don't
    /// know of that: they may create one that is asked for by name.
    /// - Parameter names: of the topics that are wanted, at least; others may come with them. `nil` for all.
    /// - Throws: `timedOut`.
    func listing(
        of names: [String]? = nil, until deadline: ContinuousClock.Instant, wantsLeaders: Bool = false
    ) throws(KafkaError) -> ClusterListing {
        do throws(KafkaErrorCode) {
            if let names { hold(names) }
            return try ClusterListing(
                native, isAll: names?.isEmpty ?? true, timeoutMilliseconds: milliseconds(until: deadline), wantsLeaders: wantsLeaders)
        } catch {
            throw unanswered(error)
        }
    }

    /// Has librdkafka know these topics, as long as the client lives: their number is that of topics which are read.
    private func hold(_ names: [String]) {
        handles.withLock { handles in
            for name in names where handles[name] == nil { handles[name] = rd_kafka_topic_new(native, name, nil) }
        }
    }

    /// - Throws: `unknownTopic`, `other` when the topic is there and can't be read, `timedOut`.
    func topic(_ name: String, until deadline: ContinuousClock.Instant) throws(KafkaError) -> TopicDescription {
        guard let topic = try topics(until: deadline).first(where: { $0.name == name }) else {
            throw KafkaError(
                .unknownTopic, "topic `\(name)` doesn't exist: create it, or check its spelling",
                code: .unknownTopicOrPartition)
        }
        if let problem = topic.problem { throw KafkaError(.other, "topic `\(name)` can't be read: \(problem)") }
        return topic
    }

    /// The absolute offset of the beginning or the end of each of the first `count` partitions.
    /// - Parameter logical: `KafkaOffset.beginning` or `.end`.
    /// - Throws: `timedOut`, naming a partition that nobody answers for.
    func offsets(
        _ logical: Int64, topic: String, partitions count: Int, until deadline: ContinuousClock.Instant
    ) throws(KafkaError) -> [Int64] {
        let list = PartitionList(capacity: count)
        for partition in 0..<Int32(clamping: count) { list.add(topic, partition, offset: logical) }
        let error = list.withNative { rd_kafka_offsets_for_times(native, $0, milliseconds(until: deadline)) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw unanswered(KafkaErrorCode(error)) }
        var offsets: [Int64] = []
        for element in list.map({ $0 }) {
            guard element.err == RD_KAFKA_RESP_ERR_NO_ERROR, element.offset >= 0 else {
                isAnswered.store(false, ordering: .relaxed)
                let code = KafkaErrorCode(element.err)
                throw KafkaError(
                    .timedOut, "partition \(element.partition) of topic `\(topic)` can't be read: \(code)", code: code)
            }
            offsets.append(element.offset)
        }
        return offsets
    }

    /// For a question that got no answer in time.
    func unanswered(_ code: KafkaErrorCode) -> KafkaError {
        isAnswered.store(false, ordering: .relaxed)
        let failure = log.lastFailure.withLock { $0 }
        let reason = failure.flatMap { ConnectionProblem($0)?.sentence } ?? failure ?? code.description
        let list = brokers.joined(separator: ", ")
        return KafkaError(.timedOut, "no Kafka broker answers at \(list): \(reason)", code: code)
    }

    private func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        // 0 would mean "don't wait" to some of librdkafka's functions and "for ever" to none.
        max(1, (deadline - .now).wholeMilliseconds)
    }
}

extension Duration {
    /// Rounded down, within what librdkafka takes as a timeout.
    var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(clamping: min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
