import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// The life of a consumer thread: make a consumer, poll and process until told to stop, close it; again if it broke.
///
/// Thread: consumer, all of it.
final class ConsumerLoop {
    private enum Outcome { case stop, failed(String) }

    let configuration: ConsumerConfiguration
    let control: ConsumerControl
    let logger: Logger
    private let processor: any RecordProcessor
    private var subscribed: [String]

    private var gathered: GatheredRecords
    var registry = TopicRegistry()
    /// Whether offsets were stored since the last commit of ours.
    private var hasUncommitted = false
    /// Whether batches were processed that `finishPoll` hasn't been told of.
    private var owesFinish = false
    /// Set by callbacks; ends the present consumer.
    private var fatal: String?
    var reachability = Reachability()
    private var lastPublished = ContinuousClock.now
    private var lastWatermarks = ContinuousClock.now
    var errorLog = RateLimit(every: .seconds(1))

    init(
        configuration: ConsumerConfiguration, control: ConsumerControl, logger: Logger,
        processor: any RecordProcessor
    ) {
        self.configuration = configuration
        self.control = control
        self.logger = logger
        self.processor = processor
        subscribed = configuration.topics
        gathered = GatheredRecords(capacity: configuration.batchSize)
        for topic in subscribed where !topic.hasPrefix("^") { _ = registry.number(ofTopic: topic) }
    }

    func run() {
        var backoff = Backoff()
        while !control.isStopRequested {
            fatal = nil
            reachability = Reachability()
            let reason: String
            do throws(KafkaError) {
                let client = try open()
                let outcome = consume(with: client)
                // Asked before closing, which gives the partitions back.
                if registry.assignedCount > 0 { backoff.reset() }
                close(client)
                guard case .failed(let message) = outcome else { break }
                reason = message
            } catch {
                reason = error.message
            }
            let delay = backoff.next { .random(in: 0..<1) }
            logger.error(
                "Kafka consumer failed and is made anew",
                metadata: ["reason": "\(reason)", "retry_in_ms": "\(delay)", "group": "\(configuration.groupID)"])
            note(reason)
            control.status.withLock {
                $0.state = .failed
                $0.brokersReachable = false
                $0.recreations += 1
            }
            wait(milliseconds: delay)
        }
        publish()
        control.status.withLock { $0.state = .stopped }
    }

    // MARK: Opening and closing

    private func open() throws(KafkaError) -> OpaquePointer {
        let clientConfiguration = ClientConfiguration()
        try clientConfiguration.set(defaults: ConsumerDefaults.properties, properties: configuration.properties)
        // Last, so that nothing else wins over them.
        try clientConfiguration.set(defaults: [], properties: ConsumerDefaults.required(configuration))
        let callbacks = ConsumerCallbacks(loop: self, log: ClientLog(logger))
        callbacks.install(in: clientConfiguration)
        let reference = Unmanaged.passRetained(callbacks)
        let client: OpaquePointer
        do throws(KafkaError) {
            client = try clientConfiguration.makeClient(.consumer)
        } catch {
            reference.release()
            throw error
        }
        // One queue for records, rebalances and errors, so that one poll serves all of them.
        rd_kafka_poll_set_consumer(client)
        do throws(KafkaError) {
            try subscribe(client)
        } catch {
            destroy(client, isClosed: false)
            throw error
        }
        return client
    }

    private func subscribe(_ client: OpaquePointer) throws(KafkaError) {
        guard !subscribed.isEmpty else {
            rd_kafka_unsubscribe(client)
            return
        }
        let list = rd_kafka_topic_partition_list_new(Int32(subscribed.count))
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for topic in subscribed { rd_kafka_topic_partition_list_add(list, topic, partitionUnassigned) }
        let error = rd_kafka_subscribe(client, list)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let code = KafkaErrorCode(error)
            let topics = subscribed.map { "`\($0)`" }.joined(separator: ", ")
            throw KafkaError(.configuration, "can't subscribe to \(topics): \(code)", code: code)
        }
    }

    /// Commits, leaves the group, frees the client. At most about 4 seconds when brokers don't answer.
    private func close(_ client: OpaquePointer) {
        processGathered(client)
        finishPoll()
        if reachability.isReachable { commit(client, timeoutMilliseconds: 2_000) }
        destroy(client, isClosed: leaveGroup(client, timeout: .milliseconds(2_000)))
    }

    /// The patient version of `rd_kafka_consumer_close`, which waits for as long as the brokers are away.
    /// - Returns: whether the consumer left its group in time.
    private func leaveGroup(_ client: OpaquePointer, timeout: Duration) -> Bool {
        guard let queue = rd_kafka_queue_new(client) else { return false }
        defer { rd_kafka_queue_destroy(queue) }
        if let error = rd_kafka_consumer_close_queue(client, queue) {
            rd_kafka_error_destroy(error)
            return false
        }
        let deadline = ContinuousClock.now + timeout
        while rd_kafka_consumer_closed(client) == 0 {
            guard .now < deadline else { return false }
            guard let event = rd_kafka_queue_poll(queue, 20) else { continue }
            // The last revocation comes as an event here, not through the callback.
            if rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE,
                let partitions = rd_kafka_event_topic_partition_list(event)
            {
                rebalance(client, rd_kafka_event_error(event), partitions)
            }
            rd_kafka_event_destroy(event)
        }
        return true
    }

    private func destroy(_ client: OpaquePointer, isClosed: Bool) {
        registry.revokeAll()
        registry.forgetHandles()
        let opaque = rd_kafka_opaque(client)
        rd_kafka_destroy_flags(client, isClosed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        if let opaque { Unmanaged<ConsumerCallbacks>.fromOpaque(opaque).release() }
    }

    /// In slices, so that a stop is noticed.
    private func wait(milliseconds: Int) {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while !control.isStopRequested, .now < deadline {
            control.status.withLock { $0.lastLoopTurn = .now }
            pause(milliseconds: 20)
        }
    }

    // MARK: Polling

    private func consume(with client: OpaquePointer) -> Outcome {
        let timeout = Int32(configuration.pollTimeoutMilliseconds)
        while true {
            switch control.nextRequest() {
            case .stop: return .stop
            case .subscribe(let topics): resubscribe(client, to: topics)
            case nil: break
            }
            if let fatal { return .failed(fatal) }

            let first = rd_kafka_consumer_poll(client, timeout)
            if let first {
                accept(first, from: client)
                // Polling on with timeout 0 is as fast as `rd_kafka_consume_batch_queue`, and a rebalance in between
                // finds what was gathered here instead of inside that function.
                var polls = 1
                while polls < configuration.batchSize, let message = rd_kafka_consumer_poll(client, 0) {
                    accept(message, from: client)
                    polls += 1
                }
                processGathered(client)
            }
            finishPoll()
            housekeep(client, isIdle: first == nil)
        }
    }

    private func resubscribe(_ client: OpaquePointer, to topics: [String]) {
        let previous = subscribed
        subscribed = topics
        do throws(KafkaError) {
            try subscribe(client)
            logger.info("subscription changed", metadata: ["topics": "\(topics.joined(separator: ","))"])
        } catch {
            subscribed = previous
            note(error.message)
            logger.error("the subscription can't be changed and stays as it was", metadata: ["reason": "\(error.message)"])
        }
    }

    private func accept(_ message: GatheredRecords.Message, from client: OpaquePointer) {
        if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, let handle = message.pointee.rkt {
            let number = registry.number(ofHandle: handle)
            gathered.append(message, group: number)
        } else {
            readFailed(message, client)
            rd_kafka_message_destroy(message)
        }
    }

    /// Hands on what was gathered, one batch per topic, and stores offsets once per partition.
    private func processGathered(_ client: OpaquePointer) {
        guard !gathered.isEmpty else { return }
        owesFinish = true
        var total: UInt64 = 0
        var bytes: UInt64 = 0
        gathered.drain { number, records in
            let topic = registry[number]
            processor.process(RecordBatch(topic: topic.name, records: records))
            bytes &+= account(records, of: topic, client)
            total &+= UInt64(records.count)
        }
        let now = wallClockMilliseconds()
        control.status.withLock {
            $0.records &+= total
            $0.bytes &+= bytes
            $0.lastRecordAtMilliseconds = now
        }
    }

    /// - Returns: the bytes of the records' keys and values.
    private func account(
        _ records: UnsafeBufferPointer<Record>, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> UInt64 {
        topic.records &+= UInt64(records.count)
        var bytes = 0
        var start = 0
        while start < records.count {
            // A run of one partition; usually the whole fetch of it.
            let number = records[start].partition
            var end = start
            while end < records.count, records[end].partition == number {
                bytes &+= (records[end].value?.count ?? 0) &+ (records[end].key?.count ?? 0)
                end += 1
            }
            if let partition = topic.partition(number) {
                partition.records &+= UInt64(end - start)
                partition.position = records[end - 1].recordOffset + 1
                touched.append(partition)
            }
            start = end
        }
        for partition in touched {
            guard let position = partition.position, partition.stored != position else { continue }
            let error = partition.store(position, with: client)
            if error == RD_KAFKA_RESP_ERR_NO_ERROR {
                hasUncommitted = true
            } else {
                logger.debug(
                    "offset not stored",
                    metadata: [
                        "topic": "\(topic.name)", "partition": "\(partition.number)",
                        "reason": "\(KafkaErrorCode(error))",
                    ])
            }
        }
        touched.removeAll(keepingCapacity: true)
        return UInt64(bytes)
    }

    /// Partitions of the batch in hand, perhaps more than once each.
    private var touched: [AssignedPartition] = []

    private func finishPoll() {
        guard owesFinish else { return }
        owesFinish = false
        processor.finishPoll()
    }

    // MARK: Offsets

    /// Commits what is stored and waits for the answer, unless nothing is.
    private func commit(_ client: OpaquePointer, timeoutMilliseconds: Int32) {
        guard hasUncommitted, let queue = rd_kafka_queue_new(client) else { return }
        defer { rd_kafka_queue_destroy(queue) }
        var error = rd_kafka_commit_queue(client, nil, queue, nil, nil)
        if error == RD_KAFKA_RESP_ERR_NO_ERROR {
            if let event = rd_kafka_queue_poll(queue, timeoutMilliseconds) {
                error = rd_kafka_event_error(event)
                rd_kafka_event_destroy(event)
            } else {
                error = RD_KAFKA_RESP_ERR__TIMED_OUT
            }
        }
        if error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET {
            hasUncommitted = false
        } else {
            logger.warning(
                "commit failed; the records since the last commit may be read again",
                metadata: ["reason": "\(KafkaErrorCode(error))", "group": "\(configuration.groupID)"])
        }
    }

    // MARK: Rebalance

    /// Follows the group's decision. Runs inside a poll, so a batch may be half gathered.
    func rebalance(
        _ client: OpaquePointer, _ error: rd_kafka_resp_err_t,
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) {
        let isCooperative = rd_kafka_rebalance_protocol(client).map { String(cString: $0) } == "COOPERATIVE"
        let elements = UnsafeBufferPointer(start: partitions.pointee.elems, count: Int(partitions.pointee.cnt))
        switch error {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            registry.forgetHandles()
            for element in elements {
                registry.topic(named: String(cString: element.topic)).assign(element.partition)
            }
            if isCooperative {
                report(rd_kafka_incremental_assign(client, partitions))
            } else {
                report(rd_kafka_assign(client, partitions))
            }
            reachability.wantsMetadata = true
            logger.info("partitions assigned", metadata: describe(elements))
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // While the partitions are still ours.
            processGathered(client)
            let isLost = rd_kafka_assignment_lost(client) != 0
            if !isLost { commit(client, timeoutMilliseconds: 1_500) }
            for element in elements {
                registry.topic(named: String(cString: element.topic)).revoke(element.partition)
            }
            registry.forgetHandles()
            if isCooperative {
                report(rd_kafka_incremental_unassign(client, partitions))
            } else {
                report(rd_kafka_assign(client, nil))
            }
            logger.log(
                level: isLost ? .warning : .info,
                isLost
                    ? "partitions lost; others may read their records since the last commit again"
                    : "partitions revoked",
                metadata: describe(elements))
        default:
            logger.warning("rebalance failed", metadata: ["reason": "\(KafkaErrorCode(error))"])
            note("rebalance failed: \(KafkaErrorCode(error))")
            processGathered(client)
            registry.revokeAll()
            registry.forgetHandles()
            report(rd_kafka_assign(client, nil))
        }
        publish()
    }

    private func report(_ error: OpaquePointer?) {
        guard let error else { return }
        note("assignment: \(String(cString: rd_kafka_error_string(error)))")
        rd_kafka_error_destroy(error)
    }

    private func report(_ error: rd_kafka_resp_err_t) {
        if error != RD_KAFKA_RESP_ERR_NO_ERROR { note("assignment: \(KafkaErrorCode(error))") }
    }

    private func describe(_ elements: UnsafeBufferPointer<rd_kafka_topic_partition_t>) -> Logger.Metadata {
        var byTopic: [String: [Int32]] = [:]
        for element in elements { byTopic[String(cString: element.topic), default: []].append(element.partition) }
        let text = byTopic.sorted { $0.key < $1.key }.map { topic, numbers in
            "\(topic)[\(numbers.sorted().map(String.init).joined(separator: ","))]"
        }
        return ["partitions": "\(text.joined(separator: " "))", "group": "\(configuration.groupID)"]
    }

    // MARK: Errors

    /// A message that is an error: of one record, of a topic, or of the consumer.
    private func readFailed(_ message: GatheredRecords.Message, _ client: OpaquePointer) {
        let code = KafkaErrorCode(message.pointee.err)
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? code.description
        // Errors carry handles that may die with them, hence the look-up by name.
        let topic = message.pointee.rkt.map { registry.topic(named: String(cString: rd_kafka_topic_name($0))) }
        switch (message.pointee.err, topic) {
        case (RD_KAFKA_RESP_ERR__PARTITION_EOF, _):
            return
        case (RD_KAFKA_RESP_ERR__FATAL, _):
            fail(client, text)
        case (_, let topic?) where ConsumerLoop.isAboutOneRecord(message.pointee):
            badRecord(message, topic, text)
        case (_, let topic?):
            guard topic.problem != text else { return }
            topic.problem = text
            note(text)
            logger.warning("topic can't be read yet; it is tried again", metadata: [
                "topic": "\(topic.name)", "reason": "\(text)",
            ])
        case (let error, nil):
            clientFailed(client, error, text)
        }
    }

    private static func isAboutOneRecord(_ message: rd_kafka_message_t) -> Bool {
        switch message.err {
        case RD_KAFKA_RESP_ERR__BAD_MSG, RD_KAFKA_RESP_ERR__BAD_COMPRESSION, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
            RD_KAFKA_RESP_ERR__UNDERFLOW, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            message.partition >= 0
        default:
            false
        }
    }

    private func badRecord(_ message: GatheredRecords.Message, _ topic: ConsumedTopic, _ text: String) {
        topic.badRecords &+= 1
        control.status.withLock { $0.badRecords &+= 1 }
        note(text)
        guard let suppressed = topic.badRecordLog.admit(at: .now) else { return }
        var metadata: Logger.Metadata = [
            "topic": "\(topic.name)", "partition": "\(message.pointee.partition)",
            "record_offset": "\(message.pointee.offset)", "reason": "\(text)",
        ]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning("record can't be read and is left out", metadata: metadata)
    }

    /// An error of the client as a whole, from librdkafka's error callback or out of the queue.
    func clientFailed(_ client: OpaquePointer, _ error: rd_kafka_resp_err_t, _ text: String) {
        switch error {
        case RD_KAFKA_RESP_ERR__FATAL:
            fail(client, text)
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            note(text)
            if reachability.wentDown(at: .now) {
                logger.warning("no Kafka broker can be reached; trying on", metadata: [
                    "brokers": "\(configuration.brokers.joined(separator: ","))", "reason": "\(text)",
                ])
            }
            publish()
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT:
            // One connection of one broker: librdkafka comes back by itself.
            note(text)
            logger.debug("Kafka connection failed", metadata: ["reason": "\(text)"])
        default:
            note(text)
            guard let suppressed = errorLog.admit(at: .now) else { return }
            logger.warning("Kafka reports an error", metadata: [
                "reason": "\(text)", "code": "\(KafkaErrorCode(error))", "suppressed": "\(suppressed)",
            ])
        }
    }

    private func fail(_ client: OpaquePointer, _ text: String) {
        var buffer = ErrorText()
        let original = buffer.withBuffer { rd_kafka_fatal_error(client, $0, $1) }
        fatal = original == RD_KAFKA_RESP_ERR_NO_ERROR ? text : buffer.string
    }

    func note(_ text: String) {
        let failure = ConsumerStatus.Failure(message: text, atMilliseconds: wallClockMilliseconds())
        control.status.withLock { $0.lastError = failure }
    }

    // MARK: Status

    /// What needs doing now and then, and the sign of life.
    private func housekeep(_ client: OpaquePointer, isIdle: Bool) {
        let now = ContinuousClock.now
        control.status.withLock { $0.lastLoopTurn = now }
        if reachability.shouldAsk(at: now, isIdle: isIdle) { askForMetadata(client, at: now) }
        if now - lastWatermarks > .milliseconds(isIdle ? 100 : 250) {
            lastWatermarks = now
            for topic in registry.topics { topic.refreshWatermarks(client: client) }
        }
        if isIdle || now - lastPublished > .milliseconds(100) { publish() }
    }

    /// The only way to learn from librdkafka that brokers are back, and how many partitions topics have.
    private func askForMetadata(_ client: OpaquePointer, at now: ContinuousClock.Instant) {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(client, 0, nil, &answer, 200)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else {
            reachability.askedInVain(at: now)
            return
        }
        defer { rd_kafka_metadata_destroy(answer) }
        if let away = reachability.answered(at: now) {
            logger.info("Kafka brokers are back", metadata: ["away": "\(away)"])
        }
        let brokers = Int(answer.pointee.broker_cnt)
        control.status.withLock { $0.brokersKnown = brokers }
        for index in 0..<Int(answer.pointee.topic_cnt) {
            let topic = answer.pointee.topics[index]
            guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = topic.topic else { continue }
            registry.topic(named: String(cString: name)).partitionCount = Int(topic.partition_cnt)
        }
    }

    private func publish() {
        lastPublished = .now
        let topics = registry.statuses(subscribed: subscribed)
        let isReachable = reachability.isReachable
        let state: ConsumerStatus.State =
            if !isReachable { reachability.isKnown ? .connecting : .starting }
            else if registry.assignedCount > 0 { .consuming }
            else { .waitingForAssignment }
        control.status.withLock {
            $0.topics = topics
            $0.brokersReachable = isReachable
            $0.state = state
        }
    }
}

/// `RD_KAFKA_PARTITION_UA`: no particular partition.
let partitionUnassigned: Int32 = -1
