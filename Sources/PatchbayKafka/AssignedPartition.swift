import CLibRDKafka

/// One assigned partition, as the consumer thread keeps it.
///
/// Thread: consumer. Must be gone before its client is destroyed: the list holds on to librdkafka's partition.
final class AssignedPartition {
    let number: Int32
    /// Offset of the next record to process.
    var position: Int64?
    /// The position last stored.
    private(set) var stored: Int64?
    /// As of the last answer of the broker; the log may have moved on.
    private(set) var lowWatermark: Int64?
    var highWatermark: Int64?
    var records: UInt64 = 0
    /// The last record that was handed on; see `ConsumedTopic.leaveOutRepeats`. `nil` where one may rightly come again.
    var last: (recordOffset: Int64, timestamp: Int64)?
    /// Where a batch that can't be read begins, and up to where it was stepped over.
    var obstacle: (offset: Int64, skippedTo: Int64)?
    /// Whether it was sent back to `position` and hasn't come by there yet; see `ConsumedTopic.awaitsPositions`.
    var awaitsPosition = false
    /// Whether it came by somewhere behind `position` once and was sent back a second time.
    var wasSentBackAgain = false
    /// How often `position` is still to be stored though no record was processed, as the group has nothing committed.
    var initialStores = 0
    /// One entry, reused for every store, so that storing allocates nothing and looks nothing up.
    private let entry: PartitionList

    /// - Parameter position: where reading begins; `nil` when librdkafka decides.
    init(topic: String, number: Int32, position: Int64? = nil) {
        self.number = number
        self.position = position
        entry = PartitionList()
        entry.add(topic, number)
    }

    /// Marks everything before `offset` as processed; the next commit takes it along.
    func store(_ offset: Int64, with client: OpaquePointer) -> rd_kafka_resp_err_t {
        let error = entry.withNative { list in
            list.pointee.elems[0].offset = offset
            return rd_kafka_offsets_store(client, list)
        }
        if error == RD_KAFKA_RESP_ERR_NO_ERROR { stored = offset }
        return error
    }

    /// Continues at `offset`. What was fetched ahead is dropped and fetched again.
    ///
    /// Waits until librdkafka's main thread has noted it; no broker is involved.
    /// - Returns: whether it worked; not while the partition is only being started.
    @discardableResult
    func seek(to offset: Int64, with client: OpaquePointer) -> Bool {
        // Before the seek: librdkafka's notes for 1.9.0 warn that afterwards it may disturb a pause.
        if stored != offset { _ = store(offset, with: client) }
        position = offset
        last = nil
        return entry.withNative { list in
            list.pointee.elems[0].offset = offset
            list.pointee.elems[0].err = RD_KAFKA_RESP_ERR_NO_ERROR
            if let error = rd_kafka_seek_partitions(client, list, 1_000) {
                rd_kafka_error_destroy(error)
                return false
            }
            return list.pointee.elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Reads what the last answer of the broker said, without asking it again.
    func refreshWatermarks(topic: String, client: OpaquePointer) {
        var low: Int64 = -1
        var high: Int64 = -1
        guard rd_kafka_get_watermark_offsets(client, topic, number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return }
        if low >= 0 { lowWatermark = low }
        if high >= 0 { highWatermark = high }
    }

    var status: PartitionStatus {
        var status = PartitionStatus(partition: number)
        status.position = position
        status.lowWatermark = lowWatermark
        status.highWatermark = highWatermark
        status.records = records
        return status
    }
}
