import CLibRDKafka
import Logging
import PatchbayAPI

/// Topics whose records the processor doesn't take for now.
///
/// librdkafka drops what it has fetched ahead when a partition is paused or sent to another place: every fetched record
/// carries the version of the partition it was fetched for. What has been polled already is dropped here.
extension ConsumerLoop {
    typealias Records = UnsafeMutableBufferPointer<Record>

    /// Stops reading a topic at the first records that weren't taken, until `resumeHalted`.
    func halt(_ topic: ConsumedTopic, at refused: Records.SubSequence, _ client: OpaquePointer) {
        topic.isHalted = true
        topic.awaitsPositions = false
        for case let partition? in topic.partitions { partition.last = nil }
        var isNoted = Set<Int32>()
        for record in refused where isNoted.insert(record.partition).inserted {
            guard let partition = topic.partition(record.partition) else { continue }
            // Also when nothing was taken: once committed, it tells the group where to go on, this member or another.
            partition.position = record.recordOffset
        }
        suspend(topic, client)
        logger.warning("topic is halted: a record was refused", metadata: [
            "topic": "\(topic.name)", "partition": "\(refused.first?.partition ?? partitionUnassigned)",
            "record_offset": "\(refused.first?.recordOffset ?? -1)",
        ])
    }

    /// For all partitions of the topic that are assigned now.
    func suspend(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        topic.startedList().withNative { _ = rd_kafka_pause_partitions(client, $0) }
    }

    /// Lets librdkafka fetch these partitions again.
    func unsuspend(_ list: borrowing PartitionList, _ client: OpaquePointer) {
        guard !list.isEmpty else { return }
        list.withNative { _ = rd_kafka_resume_partitions(client, $0) }
    }

    /// Halted topics that are still subscribed go on where they stand.
    ///
    /// The others are about to be given up, and would only be halted again.
    func resumeHalted(_ client: OpaquePointer) {
        let hasPatterns = subscribed.contains { $0.hasPrefix("^") }
        for topic in registry.topics where topic.isHalted && (hasPatterns || subscribed.contains(topic.name)) {
            resume(topic, client)
        }
    }

    private func resume(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        // Sent back now and not when it was halted, because a rebalance in between sets librdkafka to where it
        // handed out the last record, no matter that it was sent elsewhere.
        for case let partition? in topic.partitions {
            guard let position = partition.position else { continue }
            guard patiently(.seconds(1), { partition.seek(to: position, with: client) }) else {
                // It is being started, at its position, or librdkafka is busy stopping it.
                owesResumption = true
                return
            }
            partition.awaitsPosition = true
            partition.wasSentBackAgain = false
        }
        topic.isHalted = false
        topic.awaitsPositions = true
        // One that waits for its dead letters goes on when they are settled.
        if topic.hold != .paused { unsuspend(topic.startedList(), client) }
        logger.info("topic is read again", metadata: ["topic": "\(topic.name)"])
    }

    /// Lets only those records of a topic through that come at or after the place their partition was sent back to.
    ///
    /// Holes are legal (compaction, transactions, retention). But going on behind the right place would lose records,
    /// so the first hole after a seek is believed only when the partition comes by there a second time.
    /// - Returns: how many records remain, moved to the front.
    func admit(
        _ records: UnsafeMutableBufferPointer<Record>, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> Int {
        var kept = 0
        var awayAgain = Set<Int32>()
        for index in records.indices {
            let record = records[index]
            if awayAgain.contains(record.partition) { continue }
            if let partition = topic.partition(record.partition), partition.awaitsPosition {
                switch verdict(on: record, in: partition, of: topic, client) {
                case .drop: continue
                case .sendBack:
                    partition.wasSentBackAgain = true
                    partition.position.map { _ = partition.seek(to: $0, with: client) }
                    awayAgain.insert(record.partition)
                    continue
                case .take: partition.awaitsPosition = false
                }
            }
            if kept != index { records[kept] = record }
            kept += 1
        }
        topic.awaitsPositions = topic.partitions.contains { $0?.awaitsPosition == true }
        return kept
    }

    private enum Verdict { case take, drop, sendBack }

    private func verdict(
        on record: Record, in partition: AssignedPartition, of topic: ConsumedTopic, _ client: OpaquePointer
    ) -> Verdict {
        guard let position = partition.position, record.recordOffset != position else { return .take }
        let range = watermarks(of: topic, partition.number, client)
        if record.recordOffset < position {
            // Left over from before, unless the log is a new one that hasn't got so far.
            return (range?.upperBound ?? position) < position ? .take : .drop
        }
        // Records that are gone can't be gone back to, and trying could make librdkafka leave out more of them.
        if partition.wasSentBackAgain || (range?.lowerBound ?? 0) > position { return .take }
        return .sendBack
    }

    /// Asks the broker, for one round trip; `nil` when it doesn't answer in time.
    private func watermarks(
        of topic: ConsumedTopic, _ partition: Int32, _ client: OpaquePointer
    ) -> ClosedRange<Int64>? {
        var low: Int64 = 0
        var high: Int64 = 0
        let error = patiently(.seconds(1)) {
            rd_kafka_query_watermark_offsets(client, topic.name, partition, &low, &high, 1_000)
        }
        return error == RD_KAFKA_RESP_ERR_NO_ERROR && low <= high ? low...high : nil
    }
}
