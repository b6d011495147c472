import PatchbayAPI
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka

/// Reads a consumer's status as an operator would: what keeps it from working, and what to look at.
enum ConsumptionHealth {
    /// - Parameters:
    ///   - cluster: named in every reason when there are several.
    ///   - threshold: a consumer thread that shows no sign of life for this long hangs (`server.liveness_threshold`); zero,
    ///     and none ever does. Its loop turns at least every second, back-pressure may hold it for one more, and calls
    ///     that may lawfully block for longer are declared, so that they don't count.
    static func assess(
        _ status: ConsumerStatus, brokers: [String], cluster: String? = nil, threshold: Duration,
        now: ContinuousClock.Instant = .now
    ) -> SourceHealth {
        var health = SourceHealth()
        let list = brokers.joined(separator: ", ")
        defer {
            if let cluster {
                health.failures = health.failures.map { "cluster \(cluster): \($0)" }
                health.notes = health.notes.map { "cluster \(cluster): \($0)" }
                health.warnings = health.warnings.map { "cluster \(cluster): \($0)" }
                health.stuckThreads = health.stuckThreads.map { "cluster \(cluster): \($0)" }
            }
        }
        switch status.state {
        case .starting:
            health.warnings.append("connecting to Kafka at \(list)\(status.connectionProblem.map { ": \($0)" } ?? "")")
        case .connecting:
            health.failures.append(
                "no Kafka broker can be reached at \(list); retrying\(status.connectionProblem.map { ": \($0)" } ?? "")")
        case .waitingForAssignment:
            health.warnings.append(
                "waiting for the consumer group to assign partitions\((status.joinProblem ?? status.connectionProblem).map { ": \($0)" } ?? "")"
            )
        case .consuming:
            // Only while something can't be read: one of several brokers may be the one that can't be used.
            if let problem = status.connectionProblem { health.warnings.append("a Kafka broker can't be used: \(problem)") }
        case .stopped: health.failures.append("the Kafka consumer is stopped")
        case .failed:
            health.failures.append("the Kafka consumer failed: \(status.lastError?.message ?? "no reason known")")
        }
        if let conflict = status.identityConflict, status.state != .failed { health.warnings.append(conflict) }
        let silence = status.silence(at: now)
        if status.state != .stopped, threshold > .zero, silence >= threshold {
            let sentence = "the consumer thread has been stuck for \(silence.readable)"
            health.failures.append(sentence)
            health.stuckThreads.append(sentence)
        }
        if let problem = status.commitProblem, status.state == .consuming {
            health.warnings.append(
                "record offsets can't be committed, so a restart would repeat records: \(problem)")
        }
        health.isAssigned = status.topics.contains { !$0.assigned.isEmpty }
        let unknown = status.topics.reduce(0) { $0 + $1.assigned.count { $0.position == nil && !$0.isRefused } }
        health.partitionsWithoutPosition = unknown
        if unknown > 0 {
            health.warnings.append(
                "the brokers have not yet said where reading begins in \(unknown) assigned \(unknown == 1 ? "partition" : "partitions")")
        }
        for (broker, milliseconds) in status.throttles.sorted(by: { $0.key < $1.key }) {
            health.warnings.append(
                "a broker quota is slowing this consumer down: broker \(broker) delayed its last answer by \(milliseconds) ms")
        }
        for topic in status.topics {
            if let problem = topic.problem { health.warnings.append("topic \(topic.topic): \(problem)") }
            if let reason = topic.pendingReason {
                health.warnings.append("topic \(topic.topic) is paused: \(reason)")
            }
            if topic.recordsSkipped > 0 {
                let number = topic.recordsSkippedIsExact ? "\(topic.recordsSkipped)" : "up to \(topic.recordsSkipped)"
                health.warnings.append("topic \(topic.topic): \(number) records were deleted by the brokers before they were read")
            }
            if !topic.recreated.isEmpty {
                health.notes.append(
                    "topic \(topic.topic) was recreated while this process ran, and is read from its beginning"
                        + " (partitions \(Self.list(topic.recreated)))")
            }
            if !topic.withoutPosition.isEmpty {
                health.notes.append(
                    "topic \(topic.topic): the consumer group had no committed offset in partitions \(Self.list(topic.withoutPosition));"
                        + (topic.recordsBeforeStart > 0
                            ? " reading began at the end, and \(topic.recordsBeforeStart) records before it are not read"
                            : " no earlier records were skipped"))
            }
            health.topics.append(report(topic, state: status.state))
        }
        return health
    }

    /// A thousand partitions must not fill a page.
    private static func list(_ numbers: [Int32]) -> String {
        numbers.prefix(10).map(String.init).joined(separator: ", ") + (numbers.count > 10 ? ", …" : "")
    }

    private static func report(_ topic: TopicStatus, state: ConsumerStatus.State) -> HealthReport.Topic {
        let lags = topic.assigned.compactMap(\.lag)
        let word =
            switch state {
            case .connecting, .starting: "unreachable"
            case .stopped, .failed: "stopped"
            case .waitingForAssignment, .consuming:
                topic.problem != nil
                    ? "unreadable"
                    : topic.isHalted
                        ? "halted"
                        : topic.pendingReason != nil
                            ? "paused"
                            : topic.assigned.contains { $0.position != nil } ? "consuming" : "waiting"
            }
        return .init(
            topic: topic.topic, state: word,
            partitions: topic.assigned.map { .init(partition: $0.partition, nextOffset: $0.position, lag: $0.lag) },
            recordsConsumed: Int64(clamping: topic.records), recordsUnreadable: Int64(clamping: topic.badRecords),
            recordsDeletedUnread: topic.recordsSkipped == 0
                ? nil
                : .init(
                    records: Int64(clamping: topic.recordsSkipped), exact: topic.recordsSkippedIsExact),
            lag: lags.isEmpty ? nil : lags.reduce(0, +))
    }
}
