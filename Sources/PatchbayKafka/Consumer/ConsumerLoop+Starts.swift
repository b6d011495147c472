import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Carries out what `StartPositions` says.
extension ConsumerLoop {
    typealias Elements = UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>

    /// Notes that these partitions are ours now and asks where reading of them begins.
    func expect(_ elements: Elements) {
        var partitions: [TopicPartition] = []
        for element in elements {
            let topic = registry.topic(named: String(cString: element.topic))
            guard topic.assign(element.partition) else { continue }
            partitions.append(TopicPartition(topic: topic.name, number: element.partition))
        }
        let questions = starts.assigned(partitions)
        watchAssigned()
        offsetWatcher.ask(questions)
    }

    /// Tells the offset watcher what is ours.
    func watchAssigned() { offsetWatcher.watch(registry.assigned, asking: starts.openQuestions) }

    /// This partition isn't ours any more.
    func giveUp(_ number: Int32, of topic: ConsumedTopic) {
        guard let partition = topic.partition(number) else { return }
        starts.gaveUp(TopicPartition(topic: topic.name, number: number), at: partition.position)
        topic.revoke(number)
        processor.gaveUp(topic.name, partition: number)
    }

    func giveUpAll() {
        for topic in registry.topics {
            for case let partition? in topic.partitions { giveUp(partition.number, of: topic) }
        }
        registry.forgetHandles()
    }

    /// Notes that the brokers say that the topic doesn't exist.
    func topicIsGone(_ topic: ConsumedTopic) {
        starts.topicIsGone(topic.name, wasThere: topic.partitionCount != nil || topic.partitions.contains { $0?.isStarted == true })
    }

    /// Begins to read partitions whose start has become known.
    func settleStarts(_ client: OpaquePointer) {
        guard starts.isAnyOpen, isKnownWhatWasThere() else { return }
        let answers = offsetWatcher.takeAnswers()
        guard !answers.isEmpty else { return }
        takeCompacted()
        for action in starts.settle(answers) { carryOut(action, client) }
        publish()
    }

    /// Without that, new topics can't be told from those that `auto.offset.reset` is about. Brokers that say where reading begins
    /// will soon say what there is as well; if they don't, that setting decides.
    private func isKnownWhatWasThere() -> Bool {
        guard starts.baseline.isIncomplete else {
            heldSince = nil
            return true
        }
        let now = ContinuousClock.now
        let since = heldSince ?? now
        heldSince = since
        return now - since >= .seconds(5)
    }

    private func carryOut(_ action: StartPositions.Action, _ client: OpaquePointer) {
        switch action {
        case .begin(let start, let found):
            let topic = registry.topic(named: start.partition.topic)
            topic.partition(start.partition.number)?.begin(start.decision, committed: found.committed, low: found.low, end: found.end)
            topic.began(start.partition.number, start.decision)
            if topic.recovered(start.partition.number) { logRecovery(of: topic) }
        case .refuse(let partition, let reason):
            let topic = registry.topic(named: partition.topic)
            guard topic.failed(reason, partition: partition.number) else { return }
            note(reason)
            logger.warning("topic can't be read yet; retrying", metadata: ["topic": "\(topic.name)", "reason": "\(reason)"])
        case .hand(let partitions):
            hand(partitions, to: client)
            for topic in registry.topics where halted.isPaused(topic.name) && topic.hasAssignment { pause(topic, client) }
        case .commitSoon:
            commits.wantSoon()
        case .tellDeleted(let partition, let from, let to):
            tellDeleted(from: from, to: to, partition.number, registry.topic(named: partition.topic))
        case .tellAssigned(let starts):
            logger.info(
                "partitions assigned",
                metadata: [
                    "partitions": "\(Self.describe(starts.map { ($0.partition.topic, $0.partition.number) }))",
                    "starts": "\(describeStarts(starts))", "group": "\(configuration.groupID)",
                ])
        case .tellNewcomers(let topic, let partitions, let begins, let before):
            logger.notice(
                "the group has no committed offset in this topic",
                metadata: [
                    "topic": "\(topic)", "partitions": "\(ranges(of: partitions))", "begins": "\(begins.rawValue)",
                    "records_before": "\(before)", "group": "\(configuration.groupID)",
                ])
        }
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

    func logRecovery(of topic: ConsumedTopic) {
        logger.info("topic can be read again", metadata: ["topic": "\(topic.name)"])
    }
}
