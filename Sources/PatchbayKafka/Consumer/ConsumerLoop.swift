import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// The life of a consumer thread: make a consumer, poll and process until told to stop, close it; again if it broke.
///
/// Thread: consumer, all of it.
final class ConsumerLoop {
    private enum Outcome { case stop, reopen, failed(String) }

    let configuration: ConsumerConfiguration
    let control: ConsumerControl
    let logger: Logger
    let processor: any RecordProcessor
    var subscribed: [String]
    /// Which topics nothing more is read of for now.
    var halted = HaltedTopics()
    /// Where reading of assigned partitions begins.
    var starts: StartPositions
    /// When positions are committed.
    var commits: CommitSchedule
    /// Waiting for the group.
    var membership = GroupMembership()
    /// Brokers that hold back their answers because of a quota.
    var throttles = BrokerThrottles()

    private var gathered: GatheredRecords
    var registry = TopicRegistry()
    /// Ask for what this thread must not wait for.
    let offsetWatcher: OffsetWatcher
    let topicWatcher: TopicWatcher
    private var watchersRunning = 0
    /// When brokers are asked what topics there are.
    var metadata: MetadataSchedule
    /// Whether librdkafka has to be told to look what topics there are.
    var owesRefresh = false
    /// Since when starts are held back because it isn't known what was there when their topics were subscribed to.
    var heldSince: ContinuousClock.Instant?
    /// Ends of partitions that the batch in hand reached; where they lie behind the position, with that position.
    var reachedEnds: [(topic: ConsumedTopic, partition: AssignedPartition, end: Int64, positionThen: Int64?)] = []
    /// Where answers to commits arrive.
    var commitQueue: OpaquePointer?
    /// Where records arrive, as far as its length is of interest.
    var recordQueue: OpaquePointer?
    var fetchWakeups = FetchWakeups()
    /// What was taken from there since its length was last looked at.
    var takenSinceLook = 0
    /// Of the client in use.
    private var callbacks: ConsumerCallbacks?
    /// Whether batches were processed that `finishPoll` hasn't been told of.
    private var owesFinish = false
    /// A change of the topics that hasn't been passed on to librdkafka yet.
    private var wanted: [String]?
    /// Until when it waits for what there was before.
    private var wantedUntil: ContinuousClock.Instant?
    private var isToldToWait = false
    /// Set by callbacks; ends the present consumer.
    var fatal: String?
    /// librdkafka's code for it.
    var fatalCode = KafkaErrorCode.none
    var reachability = Reachability()
    var connectionProblems = ConnectionProblems()
    /// What the present client was made to leave out of patterns.
    private var blacklist: String?
    var lastPublished = ContinuousClock.now
    var lastHousekeeping = ContinuousClock.now
    var errorLog = OncePerInterval(every: .seconds(1))

    init(
        configuration: ConsumerConfiguration, control: ConsumerControl, logger: Logger,
        processor: any RecordProcessor
    ) {
        self.configuration = configuration
        self.control = control
        self.logger = logger
        self.processor = processor
        subscribed = configuration.topics
        let property = { ConsumerDefaults.value(of: $0, in: configuration.properties) }
        starts = StartPositions(policy: OffsetResetPolicy(property("auto.offset.reset")))
        commits = CommitSchedule(interval: CommitSchedule.interval(property("auto.commit.interval.ms")), at: .now)
        let client = SharedInspectionClient(configuration)
        offsetWatcher = OffsetWatcher(client)
        topicWatcher = TopicWatcher(client)
        metadata = MetadataSchedule(configuration.metadataIntervals, at: .now)
        gathered = GatheredRecords(capacity: configuration.batchSize)
        for topic in subscribed where !topic.hasPrefix("^") { _ = registry.number(ofTopic: topic) }
    }

    func run() {
        var backoff = Backoff()
        var failure = startWatchers()
        defer {
            offsetWatcher.stop()
            topicWatcher.stop()
        }
        running: while !control.isStopRequested {
            fatal = nil
            fatalCode = .none
            control.status.withLock { $0.isProcessing = true }
            membership.beginAgain()
            reachability = Reachability()
            let reason: String
            do throws(KafkaError) {
                if failure != 0 {
                    failure = startWatchers()
                    guard failure == 0 else { throw KafkaError(.other, "the system refused to start a thread (errno \(failure))") }
                }
                let client = try open()
                let outcome = consume(with: client)
                // Asked before closing, which gives the partitions back.
                if registry.assignedCount > 0 { backoff.reset() }
                var conflict: String?
                if isFenced {
                    conflict = describeConflict(client)
                    control.status.withLock { $0.identityConflict = conflict }
                }
                close(client)
                switch outcome {
                case .stop: break running
                case .reopen: continue
                case .failed(let message): reason = conflict ?? message
                }
            } catch {
                reason = error.message
            }
            let delay = isFenced ? membership.fenced(at: .now) { .random(in: 0..<1) } : backoff.next { .random(in: 0..<1) }
            logger.error(
                "Kafka consumer failed; recreating it",
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

    /// Starts those that don't run yet.
    /// - Returns: 0, or the `errno` value that says why the system gave no thread.
    private func startWatchers() -> Int32 {
        while watchersRunning < 2 {
            let failure = watchersRunning == 0 ? offsetWatcher.start() : topicWatcher.start()
            guard failure == 0 else { return failure }
            watchersRunning += 1
        }
        return 0
    }

    /// Whether another member took this one's place in the group.
    private var isFenced: Bool { fatalCode == KafkaErrorCode(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) }

    private func describeConflict(_ client: OpaquePointer) -> String {
        let instance = ConsumerDefaults.value(of: "group.instance.id", in: configuration.properties) ?? ""
        let other = otherMember(instance, client).map { " (\($0))" } ?? ""
        return "another member\(other) of the group \(configuration.groupID) has the same group.instance.id, \(instance), "
            + "and took this one's place: give each node an id of its own"
    }

    /// Whether no change of the group is under way: a commit then can't cost the assignment.
    var isGroupSteady: Bool { callbacks?.isSteady.load(ordering: .acquiring) ?? false }

    // MARK: Opening and closing

    private func open() throws(KafkaError) -> OpaquePointer {
        let clientConfiguration = ClientConfiguration()
        try clientConfiguration.set(defaults: ConsumerDefaults.properties, properties: configuration.properties)
        blacklist = ConsumerDefaults.blacklist(subscribed, in: configuration.properties)
        if let blacklist { try clientConfiguration.set("topic.blacklist", blacklist) }
        // Last, so that nothing else wins over them.
        try clientConfiguration.set(defaults: [], properties: ConsumerDefaults.required(configuration))
        let callbacks = ConsumerCallbacks(loop: self, log: LibraryLog(logger))
        callbacks.install(in: clientConfiguration)
        self.callbacks = callbacks
        commits.beginAgain()
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
        commitQueue = rd_kafka_queue_new(client)
        if FetchWakeups.areNeeded { recordQueue = rd_kafka_queue_get_consumer(client) }
        fetchWakeups = FetchWakeups()
        throttles.removeAll()
        do throws(KafkaError) {
            metadata.beginAgain(at: .now)
            owesRefresh = false
            // Before the first word of these topics goes out: brokers may create a topic because it is asked for. No records
            // flow yet that could be held up.
            if !starts.baseline.subscribe(subscribed, at: .now) {
                let deadline = ContinuousClock.now + Self.patienceWithBaseline
                let number = askForTopics()
                patiently(Self.patienceWithBaseline) { topicWatcher.awaitAnswer(number, until: deadline) }
                takeTopics()
            }
            try subscribe(client)
        } catch {
            destroy(client, isClosed: false)
            throw error
        }
        return client
    }

    /// How long a subscription waits for what is there: after that, brokers are away, or so slow that they would not be waited for.
    private static let patienceWithBaseline = Duration.milliseconds(500)

    /// Whether topics may be subscribed to. Asks what is there, where that isn't known, and waits for the answer, but not in place:
    /// records of other topics flow.
    private func isBaselineSettled(_ topics: [String]) -> Bool {
        let now = ContinuousClock.now
        if starts.baseline.subscribe(topics, at: now) { return true }
        if wantedUntil == nil {
            wantedUntil = now + Self.patienceWithBaseline
            metadata.askAtOnce(at: now)
        }
        return wantedUntil.map { now >= $0 } ?? true
    }

    private func subscribe(_ client: OpaquePointer) throws(KafkaError) {
        guard !subscribed.isEmpty else {
            rd_kafka_unsubscribe(client)
            return
        }
        let list = PartitionList(capacity: subscribed.count)
        for topic in subscribed { list.add(topic, partitionUnassigned) }
        let error = list.withNative { rd_kafka_subscribe(client, $0) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let code = KafkaErrorCode(error)
            let topics = subscribed.map { "`\($0)`" }.joined(separator: ", ")
            throw KafkaError(.configuration, "can't subscribe to \(topics): \(code)", code: code)
        }
    }

    /// Commits, leaves the group, frees the client. At most about 4 seconds, also when brokers don't answer.
    private func close(_ client: OpaquePointer) {
        processGathered(client)
        flushHeld()
        finishPoll()
        settleDeadLetters(client, patience: .seconds(1))
        // A broker that doesn't answer a commit won't answer a goodbye either.
        let outcome = commitAtTheEnd(client)
        let isAnswered = outcome != .unanswered
        control.status.withLock {
            $0.isProcessing = false
            $0.isCommitted = outcome == .committed
        }
        // A change of the topics that still waits for a rebalance to end would trip an assertion of librdkafka 2.0 in
        // the end (`!rkcg->rkcg_subscription`); this replaces it.
        rd_kafka_unsubscribe(client)
        // Asked before closing: afterwards librdkafka doesn't tell.
        let canBeDestroyed = canBeDestroyed(client)
        let isClosed = isAnswered && leaveGroup(client, timeout: .milliseconds(2_000))
        forgetAssignment()
        if canBeDestroyed { destroy(client, isClosed: isClosed) }
    }

    private func commitAtTheEnd(_ client: OpaquePointer) -> CommitOutcome {
        if reachability.isReachable { return commit(client, timeoutMilliseconds: 2_000) }
        if !uncommitted.isEmpty { tellCommitFailed("no Kafka broker can be reached") }
        return .unanswered
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
            control.status.withLock { $0.lastLoopTurn = .now }
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

    private func forgetAssignment() {
        giveUpAll()
        reachedEnds = []
        watchAssigned()
        tellCommitProblem(hasSucceeded: false)
        control.status.withLock { $0.throttles = [:] }
    }

    private func destroy(_ client: OpaquePointer, isClosed: Bool) {
        if let commitQueue { rd_kafka_queue_destroy(commitQueue) }
        commitQueue = nil
        if let recordQueue { rd_kafka_queue_destroy(recordQueue) }
        recordQueue = nil
        let closed = ClosedClient(client: client)
        // One that could not leave its group may have requests under way, which would be waited for.
        let patience: Duration = .milliseconds(isClosed ? 500 : 100)
        patiently(patience) {
            _ = ClientDisposal.run("consumer", patience: patience, logger: logger) {
                closed.destroy(flags: RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            }
        }
    }

    /// Before 2.3.0, destroying a cooperative-sticky consumer that joined its group and was never told its share aborts
    /// the process (https://github.com/confluentinc/librdkafka/pull/4381). It is left alone then: a few idle threads,
    /// usually of a process about to end.
    private func canBeDestroyed(_ client: OpaquePointer) -> Bool {
        if membership.hasBeenAssigned || rd_kafka_version() >= 0x0203_0000 { return true }
        // It has unsubscribed and can't join any more; so what it is not by now, it won't become before it is gone.
        return rebalanceProtocol(of: client) != "COOPERATIVE"
    }

    /// In slices, so that a stop is noticed.
    private func wait(milliseconds: Int) {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while !control.isStopRequested, .now < deadline {
            control.status.withLock { $0.lastLoopTurn = .now }
            Pause.milliseconds(20)
        }
    }

    /// Around a call that may lawfully block for up to `limit`: until then, the thread is not stuck.
    func patiently<Value>(_ limit: Duration, _ body: () -> Value) -> Value {
        control.status.withLock {
            $0.lastLoopTurn = .now
            $0.isDueAt = .now + limit
        }
        defer {
            control.status.withLock {
                $0.lastLoopTurn = .now
                $0.isDueAt = nil
            }
        }
        return body()
    }

    // MARK: Polling

    private func consume(with client: OpaquePointer) -> Outcome {
        while true {
            switch control.nextRequest() {
            case .stop: return .stop
            case .subscribe(let topics): (wanted, wantedUntil) = (topics, nil)
            case .resumeHalted: halted.requestResumption()
            case nil: break
            }
            if let topics = wanted, isBaselineSettled(topics), canResubscribe(client) {
                wanted = nil
                isToldToWait = false
                guard ConsumerDefaults.blacklist(topics, in: configuration.properties) == blacklist else {
                    // A client can't change what it leaves out.
                    subscribed = topics
                    halted.requestResumption()
                    return .reopen
                }
                resubscribe(client, to: topics)
            }
            if halted.isResumptionRequested { carryOut(halted.resume(subscribed: subscribed), client) }
            if let fatal { return .failed(fatal) }
            settleStarts(client)

            let patience = configuration.pollTimeoutMilliseconds
            // Short while a watcher's answer may come any moment.
            let first = rd_kafka_consumer_poll(client, Int32(starts.isAnyOpen || wanted != nil ? min(patience, 10) : patience))
            if let first {
                accept(first, from: client)
                // Polling on with timeout 0 is as fast as `rd_kafka_consume_batch_queue`, and a rebalance in between
                // finds what was gathered here instead of inside that function.
                var polls = 1
                while polls < configuration.batchSize, let message = rd_kafka_consumer_poll(client, 0) {
                    accept(message, from: client)
                    polls += 1
                }
                takenSinceLook += polls
                processGathered(client)
                applyEnds(client)
            }
            finishPoll()
            settleDeadLetters(client)
            housekeep(client, isIdle: first == nil)
        }
    }

    /// librdkafka 2.0 ends the process (an assertion in `rd_kafka_cgrp_modify_subscription`) when the topics of a
    /// cooperative member change while it is on its way back into a group that had forgotten it, and one of them isn't
    /// in its metadata. Such a member has no identifier; with one, librdkafka itself waits for the group.
    private func canResubscribe(_ client: OpaquePointer) -> Bool {
        guard rebalanceProtocol(of: client) == "COOPERATIVE" else { return true }
        let identifier = rd_kafka_memberid(client)
        defer { rd_kafka_mem_free(client, identifier) }
        if let identifier, identifier.pointee != 0 { return true }
        if !isToldToWait {
            isToldToWait = true
            logger.info("the topic change waits until this member has rejoined the group", metadata: ["group": "\(configuration.groupID)"])
        }
        return false
    }

    private func resubscribe(_ client: OpaquePointer, to topics: [String]) {
        let previous = subscribed
        subscribed = topics
        do throws(KafkaError) {
            try subscribe(client)
            halted.requestResumption()
            metadata.beginAgain(at: .now)
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

    /// Hands on what was gathered, one batch per topic, and moves positions once per partition.
    func processGathered(_ client: OpaquePointer) {
        guard !gathered.isEmpty else { return }
        owesFinish = true
        var total: UInt64 = 0
        var bytes: UInt64 = 0
        gathered.drain { number, records in
            let taken = process(records, of: registry[number], client)
            bytes &+= taken.bytes
            total &+= UInt64(taken.count)
        }
        guard total > 0 else { return }
        let now = wallClockMilliseconds()
        control.status.withLock {
            $0.records &+= total
            $0.bytes &+= bytes
            $0.lastRecordAtMilliseconds = now
        }
    }

    /// - Returns: how many records were taken, and the bytes of their keys and values.
    private func process(
        _ records: UnsafeMutableBufferPointer<Record>, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> (count: Int, bytes: UInt64) {
        guard !halted.isHalted(topic.name) else {
            // They will be read again.
            return (0, 0)
        }
        let admitted = topic.awaitsPositions ? admit(records, of: topic, client) : records.count
        let count = topic.dropDuplicates(Records(rebasing: records[..<admitted]))
        if count < admitted {
            logger.debug(
                "duplicate records were dropped",
                metadata: [
                    "topic": "\(topic.name)", "count": "\(admitted - count)",
                ])
        }
        guard count > 0 else { return (0, 0) }
        let batch = UnsafeBufferPointer(rebasing: records[..<count])
        let answer = processor.process(RecordBatch(topic: topic.name, records: batch))
        let taken = min(max(answer, 0), count)
        if processor.hasPending(topic.name) { halted.lettersUnderWay(topic.name) }
        let bytes = account(UnsafeBufferPointer(rebasing: batch[..<taken]), of: topic, client)
        if taken < count { halt(topic, at: records[taken..<count], client) }
        return (taken, bytes)
    }

    /// - Returns: the bytes of the records' keys and values.
    private func account(
        _ records: UnsafeBufferPointer<Record>, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> UInt64 {
        topic.records &+= UInt64(records.count)
        var bytes = 0
        var start = 0
        // Where every second offset has no record, one look at the oldest one must do.
        var refreshed: Int32 = -1
        while start < records.count {
            // A run of one partition; usually the whole fetch of it.
            let number = records[start].partition
            var end = start
            var next = records[start].recordOffset
            // Up to a hole, or to where offsets begin again.
            while end < records.count, records[end].partition == number, records[end].recordOffset == next {
                bytes &+= (records[end].value?.count ?? 0) &+ (records[end].key?.count ?? 0)
                end += 1
                next += 1
            }
            if let partition = topic.partition(number) {
                if let position = partition.position, position != records[start].recordOffset {
                    if refreshed != number { partition.refreshLowWatermark(client: client) }
                    refreshed = number
                    change(partition, of: topic, from: position, to: records[start].recordOffset)
                }
                partition.records &+= UInt64(end - start)
                partition.position = next
                if topic.problem != nil, topic.recovered(number) { logRecovery(of: topic) }
            }
            start = end
        }
        return UInt64(bytes)
    }

    /// Has the processor hand out what it keeps for later, while the partitions are still ours.
    func flushHeld() {
        processor.flush()
        owesFinish = true
    }

    private func finishPoll() {
        guard owesFinish || processor.wantsTicks else { return }
        owesFinish = false
        processor.finishPoll()
    }
}

/// A client that nobody polls any more, on its way out.
///
/// `@unchecked Sendable`: the pointer has no other user; librdkafka's clients may be destroyed on any thread.
private struct ClosedClient: @unchecked Sendable {
    let client: OpaquePointer

    /// Ends the lifetime of the client and of what its opaque pointer refers to. Blocks.
    func destroy(flags: Int32) {
        let opaque = rd_kafka_opaque(client)
        rd_kafka_destroy_flags(client, flags)
        if let opaque { Unmanaged<ConsumerCallbacks>.fromOpaque(opaque).release() }
    }
}
