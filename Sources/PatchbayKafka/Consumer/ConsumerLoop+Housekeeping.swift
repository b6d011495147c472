import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// What needs doing now and then, and telling others how it goes.
extension ConsumerLoop {
    /// What needs doing now and then, and the sign of life.
    func housekeep(_ client: OpaquePointer, isIdle: Bool) {
        let now = ContinuousClock.now
        // Under load there are hundreds of turns a second, and nothing here is in such a hurry.
        guard isIdle || now - lastHousekeeping >= .milliseconds(5) else { return }
        lastHousekeeping = now
        control.status.withLock { $0.lastLoopTurn = now }
        takeTopics()
        if metadata.isDue(at: now) { askForTopics() }
        if owesRefresh { refreshTopics(client) }
        commitInPassing(client, now: now)
        takeEnds()
        wakeFetches(client, at: now)
        if !throttles.isEmpty { endThrottles(now: now) }
        watchJoin(at: now)
        if membership.isConflictOver(at: now) { control.status.withLock { $0.identityConflict = nil } }
        tellConnectionProblems(at: now)
        if isIdle || now - lastPublished > .milliseconds(100) { publish() }
    }

    /// Notes whether the consumer waits for the group, and warns once when that takes long.
    private func watchJoin(at now: ContinuousClock.Instant) {
        let actions = membership.wait(
            isPossible: reachability.isReachable && !subscribed.isEmpty, rejoinsAfter: configuration.rejoinsAfter,
            hasPartitions: registry.topics.contains { $0.partitionCount ?? 0 > 0 }, at: now)
        for action in actions {
            switch action {
            case .tellSlow(let time):
                let obstacle = membership.obstacle(
                    connection: connectionProblems.foremost(at: now)?.sentence, topics: knownTopics)
                logger.warning(
                    "joining the consumer group is taking a long time",
                    metadata: [
                        "group": "\(configuration.groupID)", "since": "\(time.readable)", "reason": "\(obstacle)",
                    ])
            case .askWithNewClient(let time):
                fatal = "the group has not answered for \(time.readable); retrying with a new client"
            }
        }
    }

    private var knownTopics: [GroupMembership.KnownTopic] {
        registry.topics.map { .init(name: $0.name, problem: $0.problem, partitionCount: $0.partitionCount) }
    }

    /// Whether a broker answers, the group has told this consumer its share, and it is known where reading begins.
    private var isWorking: Bool { membership.isMember && reachability.isReachable && !starts.isAnyOpen }

    /// Logs what keeps brokers from being used, once for each cause, while nothing else works.
    private func tellConnectionProblems(at now: ContinuousClock.Instant) {
        guard !isWorking else { return }
        guard let problem = connectionProblems.news(at: now) else { return }
        logger.warning("a Kafka broker can't be used; retrying", metadata: ["reason": "\(problem.sentence)"])
    }

    /// The only way to learn from librdkafka that brokers are back, how many partitions topics have, and which topics came into
    /// being. Waits for nothing; `takeTopics` takes up the answer.
    /// - Returns: the question's number.
    @discardableResult
    func askForTopics() -> UInt64 {
        let number = metadata.asked(at: .now)
        topicWatcher.ask(
            .init(
                number: number, subscribed: subscribed,
                others: Set(registry.topics.lazy.filter { $0.partitionCount != nil }.map(\.name)),
                wantsAll: starts.baseline.isIncomplete,
                // In doubt a connection may have to be made first; more would only delay the news.
                patience: reachability.isInDoubt ? .milliseconds(500) : configuration.metadataPatience))
        return number
    }

    /// Takes up what the topic watcher was told. An answer to a question that isn't of interest any more, such as a former
    /// client's, is left out.
    func takeTopics() {
        guard let (question, answer) = topicWatcher.takeAnswer(), metadata.isAwaited(question.number) else { return }
        let now = ContinuousClock.now
        guard let answer else {
            metadata.askedInVain(at: now)
            let problem = connectionProblems.foremost(at: now)
            let sentence = problem?.isNobodyThere == true ? problem?.sentence : nil
            if let reason = reachability.askedInVain(problem: sentence, at: now) { tellUnreachable(reason) }
            return
        }
        if let away = reachability.answered(at: now) {
            logger.info("Kafka brokers are back", metadata: ["away": "\(away.readable)"])
        }
        control.status.withLock { $0.brokersKnown = answer.brokerCount }
        for topic in registry.topics {
            if let count = answer.counts[topic.name] {
                topic.partitionCount = count
            } else if topic.partitionCount != nil, !answer.present.contains(topic.name) {
                topicIsGone(topic)
                topic.partitionCount = nil
            }
        }
        if let all = answer.all { starts.baseline.learn(all, at: now) }
        let isMissing = question.names != nil && question.subscribed.contains { answer.counts[$0] == nil }
        if metadata.answered(answer.counts, isMissing: isMissing, at: now) { owesRefresh = true }
        // It says that a topic is missing which is there.
        if question.subscribed.contains(where: { answer.counts[$0] != nil && registry.known($0)?.isSaidToBeMissing == true }) {
            owesRefresh = true
        }
    }

    /// Has librdkafka ask for all topics, the only question after which it looks whether the group has to share out again. Its answer
    /// isn't waited for: with a timeout of 0, the call only sends it.
    private func refreshTopics(_ client: OpaquePointer) {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(client, 1, nil, &answer, 0)
        if let answer { rd_kafka_metadata_destroy(answer) }
        // Else no broker is connected.
        if error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__TIMED_OUT { owesRefresh = false }
    }

    private func tellUnreachable(_ reason: String) {
        let problem = connectionProblems.foremost(at: .now)
        if let problem { connectionProblems.markTold(problem) }
        logger.warning(
            "no Kafka broker can be reached; retrying",
            metadata: [
                "brokers": "\(configuration.brokers.joined(separator: ","))", "reason": "\(problem?.sentence ?? reason)",
            ])
        publish()
    }

    func publish() {
        lastPublished = .now
        var topics = registry.statuses(subscribed: subscribed)
        if !halted.isEmpty {
            for index in topics.indices {
                let topic = topics[index].topic
                topics[index].isHalted = halted.isHalted(topic)
                topics[index].pendingReason = halted.isWaitLong(topic) ? processor.pendingReason(topic) : nil
            }
        }
        let isReachable = reachability.isReachable
        let state: ConsumerStatus.State =
            if !isReachable { reachability.isKnown ? .connecting : .starting } else if registry.startedCount > 0 { .consuming } else {
                .waitingForAssignment
            }
        let now = ContinuousClock.now
        let connectionProblem = isWorking ? nil : connectionProblems.foremost(at: now)?.sentence
        let join = membership.report(connection: connectionProblems.foremost(at: now)?.sentence, topics: knownTopics, at: now)
        control.status.withLock {
            $0.connectionProblem = connectionProblem
            $0.joinProblem = join
            $0.topics = topics
            $0.brokersReachable = isReachable
            $0.state = state
        }
    }
}
