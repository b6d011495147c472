import CLibRDKafka
import Logging
import Synchronization

/// What needs doing now and then, and telling others how it goes.
extension ConsumerLoop {
    /// What needs doing now and then, and the sign of life.
    func housekeep(_ client: OpaquePointer, isIdle: Bool) {
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

    func publish() {
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
