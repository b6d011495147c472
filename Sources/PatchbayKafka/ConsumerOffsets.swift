import CLibRDKafka
import Logging
import Synchronization

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
        guard noteCommit(error) else {
            hasUncommitted = false
            return true
        }
        logger.warning(
            "commit failed; the records since the last commit may be read again",
            metadata: ["reason": "\(KafkaErrorCode(error))", "group": "\(configuration.groupID)"])
        return error != RD_KAFKA_RESP_ERR__TIMED_OUT
    }

    /// Counts a commit that failed, and remembers why until one succeeds. Commits in passing are librdkafka's own; it
    /// tells of them from a poll.
    /// - Returns: whether it failed.
    @discardableResult
    func noteCommit(_ error: rd_kafka_resp_err_t) -> Bool {
        // Nothing to commit is no answer of the brokers.
        guard error != RD_KAFKA_RESP_ERR__NO_OFFSET else { return false }
        let problem = error == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaErrorCode(error).description
        let before = control.status.withLock { status in
            defer {
                status.commitProblem = problem
                if problem != nil { status.commitFailures += 1 }
            }
            return status.commitProblem
        }
        if let problem, before == nil {
            logger.warning(
                "record offsets can't be committed; a restart would repeat records",
                metadata: ["reason": "\(problem)", "group": "\(configuration.groupID)"])
        } else if problem == nil, before != nil {
            logger.info("record offsets are committed again", metadata: ["group": "\(configuration.groupID)"])
        }
        return problem != nil
    }
}
