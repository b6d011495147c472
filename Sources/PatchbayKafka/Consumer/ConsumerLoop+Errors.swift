import CLibRDKafka
import Logging
import Synchronization

/// What librdkafka complains about: one record, a topic, or the consumer.
extension ConsumerLoop {
    /// A message that is an error: of one record, of a topic, or of the consumer.
    func readFailed(_ message: GatheredRecords.Message, _ client: OpaquePointer) {
        if message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { return noteEnd(message.pointee) }
        let code = KafkaErrorCode(message.pointee.err)
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? code.description
        // Errors carry handles that may die with them, hence the look-up by name.
        let topic = message.pointee.rkt.map { registry.topic(named: String(cString: rd_kafka_topic_name($0))) }
        switch (message.pointee.err, topic) {
        case (RD_KAFKA_RESP_ERR__FATAL, _):
            fail(client, text)
        case (_, let topic?) where ConsumerLoop.isAboutOneRecord(message.pointee):
            badRecord(message, topic, text, client)
        case (_, let topic?) where topic.name.hasPrefix("^"):
            // No topic matches yet, which is what patterns are for.
            logger.info("no topic matches the pattern yet; checking again", metadata: ["topic": "\(topic.name)"])
        case (_, let topic?):
            if [RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC].contains(message.pointee.err) {
                topicIsGone(topic)
            }
            // What concerns the whole topic comes with partition 0 in librdkafka 2.0.
            let isTopicWide = text.hasPrefix("Subscribed topic not available")
            guard topic.failed(text, partition: isTopicWide ? partitionUnassigned : message.pointee.partition) else { return }
            note(text)
            metadata.askSoon(at: .now)
            logger.warning(
                "topic can't be read yet; retrying",
                metadata: [
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

    private func badRecord(
        _ message: GatheredRecords.Message, _ topic: ConsumedTopic, _ text: String, _ client: OpaquePointer
    ) {
        let offset = message.pointee.offset
        // It will be met again.
        guard !halted.isHalted(topic.name) else { return }
        if let partition = topic.partition(message.pointee.partition) {
            if let obstacle = partition.obstacle, obstacle.offset == offset {
                // librdkafka came back to it instead of going on: it was all that the fetch brought. The error tells
                // where the batch begins but not how long it is, so step through it; nothing good may be left out.
                processGathered(client)
                guard !halted.isHalted(topic.name) else { return }
                let next = max(obstacle.skippedTo, offset) + 1
                partition.obstacle = (offset, next)
                partition.seek(to: next, with: client)
                return
            }
            partition.obstacle = (offset, offset)
        }
        topic.badRecords &+= 1
        control.status.withLock { $0.badRecords &+= 1 }
        note(text)
        guard let suppressed = topic.badRecordLog.admit(at: .now) else { return }
        var metadata: Logger.Metadata = [
            "topic": "\(topic.name)", "partition": "\(message.pointee.partition)",
            "record_offset": "\(offset)", "reason": "\(text)",
        ]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning("record can't be read and is skipped", metadata: metadata)
    }

    /// An error of the client as a whole, from librdkafka's error callback or out of the queue.
    func clientFailed(_ client: OpaquePointer, _ error: rd_kafka_resp_err_t, _ text: String) {
        switch error {
        case RD_KAFKA_RESP_ERR__FATAL:
            fail(client, text)
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            let problem = connectionProblems.foremost(at: .now)
            note(problem?.sentence ?? text)
            if reachability.suspect(text, at: .now) { metadata.askAtOnce(at: .now) }
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__AUTHENTICATION:
            // One connection of one broker: librdkafka comes back by itself. What lasts is told by `housekeep`.
            if let problem = ConnectionProblem(text) {
                connectionProblems.note(problem, at: .now)
                if problem.isNobodyThere, reachability.isReachable { metadata.connectionFailed(at: .now) }
            }
            note(text)
            logger.debug("Kafka connection failed", metadata: ["reason": "\(text)"])
        default:
            membership.failed(text)
            note(text)
            guard let suppressed = errorLog.admit(at: .now) else { return }
            logger.warning(
                "Kafka reports an error",
                metadata: [
                    "reason": "\(text)", "code": "\(KafkaErrorCode(error))", "suppressed": "\(suppressed)",
                ])
        }
    }

    private func fail(_ client: OpaquePointer, _ text: String) {
        var buffer = ErrorText()
        let original = buffer.withBuffer { rd_kafka_fatal_error(client, $0, $1) }
        fatal = original == RD_KAFKA_RESP_ERR_NO_ERROR ? text : buffer.string
        fatalCode = KafkaErrorCode(original)
    }

    func note(_ text: String) {
        let failure = ConsumerStatus.Failure(message: text, atMilliseconds: wallClockMilliseconds())
        control.status.withLock { $0.lastError = failure }
    }
}
