import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Commits, when `CommitSchedule` says so and when partitions are given up.
extension ConsumerLoop {
    /// Sends what has changed since the last commit, unless one is under way or the group is changing. Waits for nothing.
    func commitInPassing(_ client: OpaquePointer, now: ContinuousClock.Instant) {
        takeCommitAnswer(timeoutMilliseconds: 0)
        guard commits.takeDue(at: now, isGroupSteady: isGroupSteady) else { return }
        sendCommit(client)
    }

    /// What became of a commit that was waited for.
    enum CommitOutcome {
        /// All that may be committed is.
        case committed
        /// The brokers refused it, or librdkafka did.
        case refused
        case unanswered
    }

    /// Commits what has changed and waits for the answer. What can't be committed is told.
    @discardableResult
    func commit(_ client: OpaquePointer, timeoutMilliseconds: Int32) -> CommitOutcome {
        let deadline = ContinuousClock.now + .milliseconds(Int(timeoutMilliseconds))
        var problem: String?
        // The first turn may be for one that is under way, whose refusal says nothing about the next.
        for _ in 0..<2 {
            if !commits.isUnderWay {
                switch sendCommit(client) {
                case .sent: break
                case .nothingNew: return .committed
                case .failed(let error):
                    tellCommitFailed(error)
                    return .refused
                }
            }
            guard let error = takeCommitAnswer(timeoutMilliseconds: max(1, (deadline - .now).wholeMilliseconds)) else {
                tellCommitFailed(KafkaErrorCode(RD_KAFKA_RESP_ERR__TIMED_OUT).description)
                control.status.withLock { $0.commitFailures += 1 }
                return .unanswered
            }
            problem = error
        }
        guard let problem, !uncommitted.isEmpty else { return .committed }
        tellCommitFailed(problem)
        return .refused
    }

    /// Says what a stop or a rebalance leaves behind.
    func tellCommitFailed(_ reason: String) {
        logger.warning(
            "commit failed; the records since the last commit may be read again",
            metadata: ["reason": "\(reason)", "group": "\(configuration.groupID)"])
    }

    /// Positions that are not committed and may be.
    var uncommitted: PartitionList {
        let list = PartitionList()
        for topic in registry.topics {
            let held = halted.isWaiting(topic.name) ? processor.lowestPendingOffsets(topic.name) : [:]
            for case let partition? in topic.partitions {
                let offset = CommitSchedule.offset(
                    position: partition.position, committed: partition.committed, heldFrom: held[partition.number])
                if let offset { list.add(topic.name, partition.number, offset: offset) }
            }
        }
        return list
    }

    private enum Sending {
        case sent, nothingNew
        case failed(String)
    }

    @discardableResult
    private func sendCommit(_ client: OpaquePointer) -> Sending {
        let list = uncommitted
        guard !list.isEmpty else { return .nothingNew }
        guard let commitQueue else { return .failed("the client is closing") }
        let error = list.withNative { rd_kafka_commit_queue(client, $0, commitQueue, nil, nil) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failed(KafkaErrorCode(error).description) }
        commits.sent()
        return .sent
    }

    /// - Returns: `nil` when no answer came in time; else why the commit, or a part of it, failed, if it did.
    @discardableResult
    private func takeCommitAnswer(timeoutMilliseconds: Int32) -> String?? {
        guard commits.isUnderWay, let commitQueue else { return .none }
        let event =
            timeoutMilliseconds > 0
            ? patiently(.milliseconds(Int(timeoutMilliseconds))) { rd_kafka_queue_poll(commitQueue, timeoutMilliseconds) }
            : rd_kafka_queue_poll(commitQueue, 0)
        guard let event else { return .none }
        defer { rd_kafka_event_destroy(event) }
        commits.answered()
        let whole = rd_kafka_event_error(event)
        var failure = whole == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaErrorCode(whole).description
        var (hasSucceeded, concernsUs) = (false, whole != RD_KAFKA_RESP_ERR_NO_ERROR)
        if let list = rd_kafka_event_topic_partition_list(event) {
            for element in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)) {
                let error = element.err == RD_KAFKA_RESP_ERR_NO_ERROR ? whole : element.err
                let problem = error == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaErrorCode(error).description
                failure = failure ?? problem
                hasSucceeded = hasSucceeded || problem == nil
                // One that isn't ours any more is none of our trouble either: its topic may be gone.
                let topic = registry.known(String(cString: element.topic))
                guard let partition = topic?.partition(element.partition) else { continue }
                partition.commitProblem = problem
                concernsUs = concernsUs || problem != nil
                if problem == nil { partition.committed = element.offset }
            }
        }
        if failure != nil, concernsUs { control.status.withLock { $0.commitFailures += 1 } }
        tellCommitProblem(hasSucceeded: hasSucceeded)
        return .some(failure)
    }

    /// Says once when offsets of partitions that are read here can't be committed, and when they can again.
    /// - Parameter hasSucceeded: whether the brokers just took a commit.
    func tellCommitProblem(hasSucceeded: Bool) {
        let problem = registry.commitProblem
        let before = control.status.withLock { status in
            defer { status.commitProblem = problem }
            return status.commitProblem
        }
        if let problem, before == nil {
            logger.warning(
                "record offsets can't be committed; a restart would repeat records",
                metadata: ["reason": "\(problem)", "group": "\(configuration.groupID)"])
        } else if problem == nil, before != nil, hasSucceeded {
            logger.info("record offsets can be committed again", metadata: ["group": "\(configuration.groupID)"])
        }
    }
}
