import CLibRDKafka
import Logging
import Synchronization

/// Where reading begins.
///
/// librdkafka gets a partition together with its position, once the offsetWatcher has found that out: it never decides by
/// itself where a partition begins.
extension ConsumerLoop {
    typealias Elements = UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>

    /// Notes that these partitions are ours now and asks where reading of them begins.
    func expect(_ elements: Elements) {
        var questions: [OffsetWatcher.Question] = []
        for element in elements {
            let topic = registry.topic(named: String(cString: element.topic))
            questionsAsked &+= 1
            guard topic.assign(element.partition, question: questionsAsked) != nil else { continue }
            let partition = TopicPartition(topic: topic.name, number: element.partition)
            questions.append(.init(partition: partition, number: questionsAsked))
        }
        openQuestions.formUnion(questions)
        watchAssigned()
        offsetWatcher.ask(questions)
    }

    /// Tells the offsetWatcher what is ours.
    func watchAssigned() {
        openQuestions = openQuestions.filter {
            registry.known($0.partition.topic)?.partition($0.partition.number)?.question == $0.number
        }
        offsetWatcher.watch(registry.assigned, asking: openQuestions)
    }

    /// Begins to read partitions whose start has become known.
    func settleStarts(_ client: OpaquePointer) {
        guard !openQuestions.isEmpty else { return }
        let answers = offsetWatcher.takeAnswers()
        guard !answers.isEmpty else { return }
        if let counts = offsetWatcher.takeTopics() { baseline.learn(counts, at: .now) }
        takeCompacted()
        var started: [(topic: ConsumedTopic, partition: AssignedPartition, start: StartDecision)] = []
        for answer in answers where openQuestions.contains(answer.question) {
            let topic = registry.topic(named: answer.question.partition.topic)
            guard let partition = topic.partition(answer.question.partition.number),
                partition.question == answer.question.number
            else { continue }
            switch answer.outcome {
            case .refused(let reason):
                refuse(topic, partition, "the brokers don't say where reading begins: \(reason)")
            case .found(let committed, let topicHasPositions, let low, let end):
                let facts = StartInputs(
                    committed: committed, left: topic.positionLeft(partition.number), topicHasPositions: topicHasPositions,
                    isNew: !baseline.existed(topic.name, partition: partition.number), wasGone: topic.wasGone, low: low,
                    end: end, newcomers: newcomers)
                openQuestions.remove(answer.question)
                guard let start = StartDecision(facts) else {
                    refuse(topic, partition, "the group has no committed offset in it, and `auto.offset.reset` is `error`")
                    continue
                }
                partition.begin(start, committed: committed, low: low, end: end)
                if topic.recovered(partition.number) { logRecovery(of: topic) }
                started.append((topic, partition, start))
            }
        }
        guard !started.isEmpty else { return publish() }
        hand(started.map { TopicPartition(topic: $0.topic.name, number: $0.partition.number) }, to: client)
        commitStarts()
        for (topic, partition, start) in started {
            topic.began(partition.number, start)
            if start.deleted > 0 { tellDeleted(start.deleted, from: start.offset - start.deleted, to: start.offset, partition, topic) }
        }
        for topic in registry.topics where topic.isPaused && topic.hasAssignment { suspend(topic, client) }
        log(started.map { ($0.topic.name, $0.partition.number, $0.start) })
        publish()
    }

    /// Gives partitions with their positions to librdkafka.
    private func hand(_ partitions: [TopicPartition], to client: OpaquePointer) {
        let isCooperative = rebalanceProtocol(of: client) == "COOPERATIVE"
        // The eager protocol knows only whole assignments; those that are being read begin again where they stand.
        let all = isCooperative ? partitions : registry.assigned
        let list = PartitionList(capacity: all.count)
        for partition in all {
            guard let position = registry.known(partition.topic)?.partition(partition.number)?.position else { continue }
            list.add(partition.topic, partition.number, offset: position)
        }
        registry.forgetHandles()
        list.withNative { list in
            if isCooperative {
                report(rd_kafka_incremental_assign(client, list))
            } else {
                report(rd_kafka_assign(client, list))
            }
        }
    }

    private func refuse(_ topic: ConsumedTopic, _ partition: AssignedPartition, _ reason: String) {
        guard topic.failed(reason, partition: partition.number) else { return }
        note(reason)
        logger.warning("topic can't be read yet; retrying", metadata: ["topic": "\(topic.name)", "reason": "\(reason)"])
    }

    func logRecovery(of topic: ConsumedTopic) {
        logger.info("topic can be read again", metadata: ["topic": "\(topic.name)"])
    }

    private func log(_ started: [(topic: String, number: Int32, start: StartDecision)]) {
        logger.info("partitions assigned", metadata: [
            "partitions": "\(Self.describe(started.map { ($0.topic, $0.number) }))", "starts": "\(describeStarts(started))",
            "group": "\(configuration.groupID)",
        ])
        let newcomers = Dictionary(grouping: started.filter { [.earliest, .latest].contains($0.start.reason) }, by: \.topic)
        for (topic, starts) in newcomers.sorted(by: { $0.key < $1.key }) {
            logger.notice("the group has no committed offset in this topic", metadata: [
                "topic": "\(topic)", "partitions": "\(ranges(of: starts.map(\.number)))",
                "begins": "\(starts[0].start.reason.rawValue)",
                "records_before": "\(starts.reduce(0) { $0 + $1.start.before })", "group": "\(configuration.groupID)",
            ])
        }
    }

    /// What librdkafka's `auto.offset.reset` means to operators.
    private var newcomers: NewcomerPolicy {
        NewcomerPolicy(ConsumerDefaults.value(of: "auto.offset.reset", in: configuration.properties))
    }
}

/// `orders[0-3] committed, orders[4] added at 0`: a line of log must stay a line with a thousand partitions.
func describeStarts(_ starts: [(topic: String, number: Int32, start: StartDecision)]) -> String {
    struct Kind: Hashable { var topic: String, reason: String }

    var kinds: [Kind: [(number: Int32, offset: Int64)]] = [:]
    for (topic, number, start) in starts {
        kinds[Kind(topic: topic, reason: start.reason.rawValue), default: []].append((number, start.offset))
    }
    return kinds.sorted { ($0.key.topic, $0.key.reason) < ($1.key.topic, $1.key.reason) }.map { kind, starts in
        let starts = starts.sorted { $0.number < $1.number }
        let offsets = starts.prefix(8).map { String($0.offset) }.joined(separator: ",")
        return "\(kind.topic)[\(ranges(of: starts.map(\.number)))] \(kind.reason) at \(offsets)\(starts.count > 8 ? ",…" : "")"
    }.joined(separator: "; ")
}
