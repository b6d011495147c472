import CLibRDKafka
import Logging

/// Committing.
extension ConsumerLoop {
    /// Commits what is stored and waits for the answer, unless nothing is.
    /// - Returns: `false` when no answer came in time.
    @discardableResult
    func commit(_ client: OpaquePointer, timeoutMilliseconds: Int32) -> Bool {
        guard hasUncommitted, let queue = rd_kafka_queue_new(client) else { return true }
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
            return true
        }
        logger.warning(
            "commit failed; the records since the last commit may be read again",
            metadata: ["reason": "\(KafkaErrorCode(error))", "group": "\(configuration.groupID)"])
        return error != RD_KAFKA_RESP_ERR__TIMED_OUT
    }
}
