import CLibRDKafka

/// When librdkafka has to be woken because the queue of records that it fetched ahead is running empty.
///
/// Before 2.3.0, a broker's thread that finds the queue full (`queued.min.messages`, `queued.max.messages.kbytes`) doesn't fetch, and looks
/// again when its connection has something for it, or after a second (`rd_kafka_toppar_fetch_decide`, `rd_kafka_max_block_ms`). A reader
/// slower than the broker fills the queue, empties it in a third of that second, and waits for the rest. From 2.3.0 on there is
/// `fetch.queue.backoff.ms`, which `ConsumerDefaults` sets.
struct FetchWakeups {
    /// Shorter queues aren't worth a request: they are what a reader that keeps up finds.
    static let shortest = 1_000
    /// Those made while a fetch is under way are for nothing, and a request each.
    static let interval = Duration.milliseconds(20)

    private var last = 0
    /// Where the queue is half of what it was when it last grew, or when librdkafka was last woken.
    private var half = 0
    private var lastWakeup: ContinuousClock.Instant?

    /// Whether librdkafka this old is in use.
    static var areNeeded: Bool { rd_kafka_version() < 0x0203_0000 }

    /// - Parameters:
    ///   - queued: how many records wait.
    ///   - taken: how many were taken since the last call. It may have filled and run empty in between.
    /// - Returns: whether to wake it now.
    mutating func isDue(queued: Int, taken: Int, at now: ContinuousClock.Instant) -> Bool {
        defer { last = queued }
        let most = queued + taken
        if most > last { half = most / 2 }
        guard half >= Self.shortest / 2, queued <= half else { return false }
        if let lastWakeup, now - lastWakeup < Self.interval { return false }
        lastWakeup = now
        half = queued / 2
        return true
    }
}

extension ConsumerLoop {
    /// Wakes the threads of the brokers that lead what is read, if the queue is running empty.
    func wakeFetches(_ client: OpaquePointer, at now: ContinuousClock.Instant) {
        guard let recordQueue else { return }
        let taken = takenSinceLook
        takenSinceLook = 0
        guard fetchWakeups.isDue(queued: rd_kafka_queue_length(recordQueue), taken: taken, at: now) else { return }
        let list = PartitionList()
        for topic in registry.topics where topic.hasAssignment && !halted.isHalted(topic.name) {
            for case let partition? in topic.partitions where partition.isStarted {
                list.add(topic.name, partition.number, offset: Int64(RD_KAFKA_OFFSET_END))
            }
        }
        // One small request to each leader. With a timeout of 0 the answers aren't waited for, and nobody needs them.
        _ = list.withNative { rd_kafka_offsets_for_times(client, $0, 0) }
    }
}
