import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Carries out what `HaltedTopics` says.
///
/// librdkafka drops what it has fetched ahead when a partition is paused or sent to another place: every fetched record
/// carries the version of the partition it was fetched for. What has been polled already is dropped here.
extension ConsumerLoop {
    typealias Records = UnsafeMutableBufferPointer<Record>

    func carryOut(_ actions: [HaltedTopics.Action], _ client: OpaquePointer) {
        for action in actions { carryOut(action, client) }
    }

    private func carryOut(_ action: HaltedTopics.Action, _ client: OpaquePointer) {
        switch action {
        case .pause(let topic):
            pause(registry.topic(named: topic), client)
        case .resume(let topic):
            resume(registry.topic(named: topic).startedList(), client)
        case .sendBack(let name):
            let topic = registry.topic(named: name)
            if sendBack(topic, client) {
                topic.awaitsPositions = true
                carryOut(halted.sentBack(name), client)
            } else {
                halted.requestResumption()
            }
        case .tellHalted(let topic, let partition, let recordOffset):
            logger.warning(
                "topic is halted: a record was refused",
                metadata: [
                    "topic": "\(topic)", "partition": "\(partition)", "record_offset": "\(recordOffset)",
                ])
        case .tellReadAgain(let topic):
            logger.info("topic is read again", metadata: ["topic": "\(topic)"])
        case .tellWaits(let topic, let reason, let suppressed):
            var metadata: Logger.Metadata = ["topic": "\(topic)", "reason": "\(reason ?? "none")"]
            if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
            logger.warning("topic is paused until its refused records are in the dead-letter topic", metadata: metadata)
        case .tellWaitIsOver(let topic):
            logger.info("reading of the topic resumes: its refused records are dealt with", metadata: ["topic": "\(topic)"])
        }
    }

    /// For all partitions of the topic that are read now.
    func pause(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        topic.startedList().withNative { _ = rd_kafka_pause_partitions(client, $0) }
    }

    /// Lets librdkafka fetch these partitions again.
    func resume(_ list: borrowing PartitionList, _ client: OpaquePointer) {
        guard !list.isEmpty else { return }
        list.withNative { _ = rd_kafka_resume_partitions(client, $0) }
    }

    /// Stops reading a topic at the first records that weren't taken.
    func halt(_ topic: ConsumedTopic, at refused: Records.SubSequence, _ client: OpaquePointer) {
        topic.awaitsPositions = false
        for case let partition? in topic.partitions { partition.last = nil }
        var isNoted = Set<Int32>()
        for record in refused where isNoted.insert(record.partition).inserted {
            guard let partition = topic.partition(record.partition) else { continue }
            // Also when nothing was taken: once committed, it tells the group where to go on, this member or another.
            partition.position = record.recordOffset
        }
        carryOut(
            halted.refused(
                topic.name, partition: refused.first?.partition ?? partitionUnassigned,
                recordOffset: refused.first?.recordOffset ?? -1),
            client)
    }

    /// Sends all partitions back to where they stand: now and not when the topic was halted, because a rebalance in between sets
    /// librdkafka to where it handed out the last record, no matter that it was sent elsewhere.
    /// - Returns: whether all went.
    private func sendBack(_ topic: ConsumedTopic, _ client: OpaquePointer) -> Bool {
        for case let partition? in topic.partitions {
            guard let position = partition.position else { continue }
            // Not while it is being started, at its position, or librdkafka is busy stopping it.
            guard patiently(.seconds(1), { partition.seek(to: position, with: client) }) else { return false }
            partition.returning = ReturnCheck()
        }
        return true
    }

    // MARK: Records after a return

    /// Lets only those records of a topic through that come at or after the place their partition was sent back to.
    /// - Returns: how many records remain, moved to the front.
    func admit(
        _ records: UnsafeMutableBufferPointer<Record>, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> Int {
        var kept = 0
        var awayAgain = Set<Int32>()
        for index in records.indices {
            let record = records[index]
            if awayAgain.contains(record.partition) { continue }
            if let partition = topic.partition(record.partition),
                let verdict = partition.returning?.verdict(
                    on: record.recordOffset, position: partition.position,
                    log: { watermarks(of: topic, partition.number, client) })
            {
                switch verdict {
                case .drop: continue
                case .sendBackAgain:
                    partition.position.map { _ = partition.seek(to: $0, with: client) }
                    awayAgain.insert(record.partition)
                    continue
                case .take: partition.returning = nil
                }
            }
            if kept != index { records[kept] = record }
            kept += 1
        }
        topic.awaitsPositions = topic.partitions.contains { $0?.returning != nil }
        return kept
    }

    /// As of the last fetch, which is the one that brought the record in question or a later one; no broker is asked.
    private func watermarks(
        of topic: ConsumedTopic, _ partition: Int32, _ client: OpaquePointer
    ) -> ClosedRange<Int64>? {
        var low: Int64 = -1
        var high: Int64 = -1
        let error = rd_kafka_get_watermark_offsets(client, topic.name, partition, &low, &high)
        // Brokers older than 1.0 don't tell where the log begins.
        low = max(low, 0)
        return error == RD_KAFKA_RESP_ERR_NO_ERROR && low <= high ? low...high : nil
    }

    // MARK: Dead letters

    /// Lets topics go on whose letters are settled, and pauses those whose letters take too long.
    ///
    /// - Parameter patience: how long to wait in place for letters, before partitions are given up.
    func settleDeadLetters(_ client: OpaquePointer, patience: Duration = .zero) {
        guard !halted.isEmpty else { return }
        let deadline = ContinuousClock.now + patience
        while true {
            let waiting = halted.waiting
            guard !waiting.isEmpty else { return }
            control.status.withLock { $0.lastLoopTurn = .now }
            for topic in waiting where !processor.hasPending(topic) { carryOut(halted.lettersSettled(topic), client) }
            guard halted.isWorthWaiting, .now < deadline else { break }
            Pause.milliseconds(1)
        }
        for topic in halted.waiting where !halted.isWaitLong(topic) && processor.wantsPause(topic) {
            carryOut(halted.lettersLate(topic, reason: processor.pendingReason(topic), at: .now), client)
        }
    }
}
