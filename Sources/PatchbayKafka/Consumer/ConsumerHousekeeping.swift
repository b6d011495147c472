import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// What needs doing now and then, and telling others how it goes.
extension ConsumerLoop {
    /// What needs doing now and then, and the sign of life.
    func housekeep(_ client: OpaquePointer, isIdle: Bool) {
        let now = ContinuousClock.now
        control.status.withLock { $0.lastLoopTurn = now }
        if reachability.shouldAsk(at: now, isIdle: isIdle) { 
            // In doubt a connection may have to be made first, and nothing comes from brokers anyway.
            askForMetadata(client, timeoutMilliseconds: reachability.isInDoubt ? 500 : 200)
        }
        commitInPassing(client, now: now)
        takeEnds()
        if !throttles.isEmpty { endThrottles(now: now) }
        watchJoin(client, at: now)
        forgetConflict(at: now)
        tellConnectionProblems(at: now)
        if isIdle || now - lastPublished > .milliseconds(100) { publish() }
    }

    /// Whether a broker answers, the group has told this consumer its share, and it is known where reading begins.
    private var isWorking: Bool { isInGroup && reachability.isReachable && openQuestions.isEmpty }

    /// Logs what keeps brokers from being used, once for each cause, while nothing else works.
    private func tellConnectionProblems(at now: ContinuousClock.Instant) {
        guard !isWorking else { return }
        guard let problem = connectionProblems.news(at: now) else { return }
        logger.warning("a Kafka broker can't be used; retrying", metadata: ["reason": "\(problem.sentence)"])
    }

    /// The only way to learn from librdkafka that brokers are back, how many partitions topics have, and which topics
    /// came into being. Asks for all topics, since asking for one by name may create it. Blocks for a round trip.
    func askForMetadata(_ client: OpaquePointer, timeoutMilliseconds: Int32) {
        let answer = patiently(.milliseconds(Int(timeoutMilliseconds))) {
            try? ClusterListing(client, timeoutMilliseconds: timeoutMilliseconds)
        }
        guard let listing = answer else {
            if let reason = reachability.askedInVain(at: .now) { tellUnreachable(reason) }
            return
        }
        let now = ContinuousClock.now
        if let away = reachability.answered(at: now) {
            logger.info("Kafka brokers are back", metadata: ["away": "\(away.readable)"])
        }
        control.status.withLock { $0.brokersKnown = listing.brokerCount }
        var counts: [String: Int] = [:]
        for topic in listing.topics where topic.problem == nil { counts[topic.name] = topic.partitionCount }
        let present = Set(listing.topics.map(\.name))
        for topic in registry.topics {
            if let count = counts[topic.name] {
                topic.partitionCount = count
            } else if topic.partitionCount != nil, !present.contains(topic.name) {
                topic.isGone()
                topic.partitionCount = nil
            }
        }
        baseline.learn(counts, at: now)
    }

    private func tellUnreachable(_ reason: String) {
        let problem = connectionProblems.foremost(at: .now)
        if let problem { connectionProblems.markTold(problem) }
        logger.warning("no Kafka broker can be reached; retrying", metadata: [
            "brokers": "\(configuration.brokers.joined(separator: ","))", "reason": "\(problem?.sentence ?? reason)",
        ])
        publish()
    }

    func publish() {
        lastPublished = .now
        for topic in registry.topics {
            topic.holdReason = topic.hold == .paused ? processor.holdReason(topic.name) : nil
        }
        let topics = registry.statuses(subscribed: subscribed)
        let isReachable = reachability.isReachable
        let state: ConsumerStatus.State =
            if !isReachable { reachability.isKnown ? .connecting : .starting }
            else if registry.startedCount > 0 { .consuming }
            else { .waitingForAssignment }
        let now = ContinuousClock.now
        let connectionProblem = isWorking ? nil : connectionProblems.foremost(at: now)?.sentence
        let join = joinReport(at: now)
        control.status.withLock {
            $0.connectionProblem = connectionProblem
            $0.joinProblem = join
            $0.topics = topics
            $0.brokersReachable = isReachable
            $0.state = state
        }
    }
}
