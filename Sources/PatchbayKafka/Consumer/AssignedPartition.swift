import CLibRDKafka

/// One assigned partition, as the consumer thread keeps it.
///
/// Thread: consumer.
final class AssignedPartition {
    let number: Int32
    /// Offset of the next record to process; `nil` while it isn't known where reading begins. librdkafka is given the
    /// partition with its position, not before.
    private(set) var start: StartDecision?
    var position: Int64?
    /// The position that the brokers last acknowledged, or were found to have.
    var committed: Int64?
    /// Why the last commit of this partition failed; `nil` once one succeeds.
    var commitProblem: String?
    /// As of the last answer of the broker; the log may have moved on.
    private(set) var lowWatermark: Int64?
    /// Where the log ends, as far as it may be read; see `OffsetWatcher`.
    var end: Int64?
    var records: UInt64 = 0
    /// The last record that was handed on; see `ConsumedTopic.dropDuplicates`. `nil` where one may rightly come again.
    var last: (recordOffset: Int64, timestamp: Int64)?
    /// Where a batch that can't be read begins, and up to where it was stepped over.
    var obstacle: (offset: Int64, skippedTo: Int64)?
    /// While it was sent back to `position` and hasn't come by there yet; see `ConsumedTopic.awaitsPositions`.
    var returning: ReturnCheck?
    private let topic: String

    init(topic: String, number: Int32) {
        self.topic = topic
        self.number = number
    }

    var isStarted: Bool { start != nil }

    func begin(_ start: StartDecision, committed: Int64?, low: Int64, end: Int64) {
        self.start = start
        self.committed = committed
        position = start.offset
        lowWatermark = low
        self.end = end
    }

    /// Continues at `offset`. What was fetched ahead is dropped and fetched again.
    ///
    /// Waits until librdkafka's main thread has noted it; no broker is involved.
    /// - Returns: whether it worked; not while the partition is only being started.
    @discardableResult
    func seek(to offset: Int64, with client: OpaquePointer) -> Bool {
        position = offset
        last = nil
        let list = PartitionList()
        list.add(topic, number, offset: offset)
        return list.withNative { list in
            if let error = rd_kafka_seek_partitions(client, list, 1_000) {
                rd_kafka_error_destroy(error)
                return false
            }
            return list.pointee.elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Reads what the last fetch said, without asking the broker again.
    func refreshLowWatermark(client: OpaquePointer) {
        var low: Int64 = -1
        var high: Int64 = -1
        guard rd_kafka_get_watermark_offsets(client, topic, number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return }
        if low >= 0 { lowWatermark = low }
    }

    var status: PartitionStatus {
        var status = PartitionStatus(partition: number)
        status.position = position
        status.lowWatermark = lowWatermark
        status.end = end
        status.records = records
        return status
    }
}
