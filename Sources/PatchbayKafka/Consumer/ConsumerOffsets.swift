import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Committing.
///
/// The thread commits positions itself, as often as `auto.commit.interval.ms` says: librdkafka's own timer never commits
/// a lower offset than before, which is what a topic that was recreated needs, and retries for partitions that are no
/// longer ours.
extension ConsumerLoop {
    /// Sends what has changed since the last commit, unless one is under way or the group is changing. Waits for nothing.
    func commitInPassing(_ client: OpaquePointer, now: ContinuousClock.Instant) {
        takeCommitAnswer(timeoutMilliseconds: 0)
        guard let interval = commitInterval, owesStartCommit || now - lastCommit >= interval, mayCommit(at: now) else { return }
        lastCommit = now
        owesStartCommit = false
        sendCommit(client)
    }

    /// Not while a commit is under way, or the group is changing; but neither is waited for longer than half a minute, should
    /// librdkafka forget to tell how it ended.
    private func mayCommit(at now: ContinuousClock.Instant) -> Bool {
        guard isCommitting || !isGroupSteady else {
            commitsWaitSince = nil
            return true
        }
        let since = commitsWaitSince ?? now
        commitsWaitSince = since
        guard now - since >= .seconds(30) else { return false }
        commitsWaitSince = nil
        return true
    }

    /// Has where reading begins committed as soon as that can be, without waiting for the interval: a group that has no position
    /// yet would begin at the end again after a crash, and what came in between would be skipped.
    func commitStarts() { owesStartCommit = true }

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
            if !isCommitting {
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
            let held = topic.hold == nil ? [:] : processor.heldOffsets(topic.name)
            for case let partition? in topic.partitions {
                guard let offset = committable(partition, held: held), offset != partition.committed else { continue }
                list.add(topic.name, partition.number, offset: offset)
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
        isCommitting = true
        return .sent
    }

    /// - Returns: `nil` when no answer came in time; else why the commit, or a part of it, failed, if it did.
    @discardableResult
    private func takeCommitAnswer(timeoutMilliseconds: Int32) -> String?? {
        guard isCommitting, let commitQueue else { return .none }
        let event =
            timeoutMilliseconds > 0
            ? patiently(.milliseconds(Int(timeoutMilliseconds))) { rd_kafka_queue_poll(commitQueue, timeoutMilliseconds) }
            : rd_kafka_queue_poll(commitQueue, 0)
        guard let event else { return .none }
        defer { rd_kafka_event_destroy(event) }
        isCommitting = false
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

    /// `nil` for never in passing.
    private var commitInterval: Duration? {
        let text = ConsumerDefaults.value(of: "auto.commit.interval.ms", in: configuration.properties)
        let milliseconds = text.flatMap { Int($0) } ?? 1_000
        return milliseconds > 0 ? .milliseconds(milliseconds) : nil
    }
}
