import PatchbayKafka
import PatchbayServer

/// Reads a consumer's status as an operator would: what keeps it from working, and what to look at.
enum ConsumptionHealth {
    /// A consumer thread that has not come round for this long hangs: its loop turns at least every second, back-pressure
    /// may hold it for one more, and dead letters for `DeadLetterProducer.patience`.
    static let hangsAfter = Duration.seconds(8)

    /// - Parameter cluster: named in every reason when there are several.
    static func assess(
        _ status: ConsumerStatus, brokers: [String], cluster: String? = nil, now: ContinuousClock.Instant = .now
    ) -> SourceHealth {
        var health = SourceHealth()
        let list = brokers.joined(separator: ", ")
        defer {
            if let cluster {
                health.failures = health.failures.map { "cluster \(cluster): \($0)" }
                health.warnings = health.warnings.map { "cluster \(cluster): \($0)" }
                health.stuckThreads = health.stuckThreads.map { "cluster \(cluster): \($0)" }
            }
        }
        switch status.state {
        case .starting: health.warnings.append("connecting to Kafka at \(list)")
        case .connecting: health.failures.append("no Kafka broker can be reached at \(list); trying again")
        case .waitingForAssignment:
            health.warnings.append("waiting for the consumer group to assign partitions")
        case .consuming: break
        case .stopped: health.failures.append("the Kafka consumer is stopped")
        case .failed:
            health.failures.append("the Kafka consumer failed: \(status.lastError?.message ?? "no reason known")")
        }
        if status.state != .stopped, now - status.lastLoopTurn > hangsAfter {
            let sentence = "the consumer thread has been stuck for \(now - status.lastLoopTurn)"
            health.failures.append(sentence)
            health.stuckThreads.append(sentence)
        }
        if let problem = status.commitProblem, status.state == .consuming {
            health.warnings.append(
                "record offsets can't be committed, so a restart would repeat records: \(problem)")
        }
        health.isAssigned = status.topics.contains { !$0.assigned.isEmpty }
        for topic in status.topics {
            if let problem = topic.problem { health.warnings.append("topic \(topic.topic): \(problem)") }
            if topic.recordsSkipped > 0 {
                health.warnings.append(
                    "topic \(topic.topic): \(topic.recordsSkipped) records were deleted by the brokers before they were read")
            }
            health.topics.append(report(topic, state: status.state))
        }
        return health
    }

    private static func report(_ topic: TopicStatus, state: ConsumerStatus.State) -> HealthReport.Topic {
        let lags = topic.assigned.compactMap(\.lag)
        let word =
            switch state {
            case .connecting, .starting: "unreachable"
            case .stopped, .failed: "stopped"
            case .waitingForAssignment, .consuming:
                topic.problem != nil ? "unreadable" : topic.isHalted ? "halted" : topic.assigned.isEmpty ? "waiting" : "consuming"
            }
        return .init(
            topic: topic.topic, state: word,
            partitions: topic.assigned.map { .init(partition: $0.partition, nextOffset: $0.position, lag: $0.lag) },
            recordsConsumed: Int64(clamping: topic.records), recordsUnreadable: Int64(clamping: topic.badRecords),
            lag: lags.isEmpty ? nil : lags.reduce(0, +))
    }
}
