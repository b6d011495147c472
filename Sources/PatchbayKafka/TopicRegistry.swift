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
    var highWatermark: Int64?
    var records: UInt64 = 0
    /// Where a batch that can't be read begins, and up to where it was stepped over.
    var obstacle: (offset: Int64, skippedTo: Int64)?
    /// One entry, reused for every store, so that storing allocates nothing and looks nothing up.
    private let entry: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(topic: String, number: Int32) {
        self.number = number
        entry = rd_kafka_topic_partition_list_new(1)
        rd_kafka_topic_partition_list_add(entry, topic, number)
    }

    deinit { rd_kafka_topic_partition_list_destroy(entry) }

    /// Marks everything before `offset` as processed; the next commit takes it along.
    func store(_ offset: Int64, with client: OpaquePointer) -> rd_kafka_resp_err_t {
        stored = offset
        entry.pointee.elems[0].offset = offset
        return rd_kafka_offsets_store(client, entry)
    }

    /// Continues at `offset`. What was fetched ahead is dropped and fetched again.
    func seek(to offset: Int64, with client: OpaquePointer) {
        _ = store(offset, with: client)
        position = offset
        entry.pointee.elems[0].offset = offset
        // 0: don't wait for it.
        if let error = rd_kafka_seek_partitions(client, entry, 0) { rd_kafka_error_destroy(error) }
    }

    func refreshWatermark(topic: String, client: OpaquePointer) {
        var low: Int64 = -1
        var high: Int64 = -1
        guard rd_kafka_get_watermark_offsets(client, topic, number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR,
            high >= 0
        else { return }
        highWatermark = high
    }

    var status: PartitionStatus {
        var status = PartitionStatus(partition: number)
        status.position = position
        status.highWatermark = highWatermark
        status.records = records
        return status
    }
}

/// One topic, as the consumer thread keeps it.
///
/// Thread: consumer.
final class ConsumedTopic {
    let name: String
    var problem: String?
    var partitionCount: Int?
    var records: UInt64 = 0
    var badRecords: UInt64 = 0
    var badRecordLog = RateLimit(every: .seconds(1))
    /// Indexed by partition number, since that is how records ask; `nil` where not assigned.
    private(set) var partitions: [AssignedPartition?] = []

    init(name: String) { self.name = name }

    var hasAssignment: Bool { partitions.contains { $0 != nil } }

    func assign(_ number: Int32) {
        let index = Int(number)
        guard index >= 0 else { return }
        while partitions.count <= index { partitions.append(nil) }
        partitions[index] = AssignedPartition(topic: name, number: number)
        problem = nil
    }

    func revoke(_ number: Int32) {
        let index = Int(number)
        if partitions.indices.contains(index) { partitions[index] = nil }
    }

    func revokeAll() { partitions.removeAll() }

    func partition(_ number: Int32) -> AssignedPartition? {
        let index = Int(number)
        return partitions.indices.contains(index) ? partitions[index] : nil
    }

    func refreshWatermarks(client: OpaquePointer) {
        for case let partition? in partitions { partition.refreshWatermark(topic: name, client: client) }
    }

    var status: TopicStatus {
        var status = TopicStatus(topic: name)
        status.problem = problem
        status.partitionCount = partitionCount
        status.assigned = partitions.compactMap { $0?.status }
        status.records = records
        status.badRecords = badRecords
        return status
    }
}

/// All topics a consumer thread has met, each with a number that never changes.
///
/// Thread: consumer.
struct TopicRegistry {
    private(set) var topics: [ConsumedTopic] = []
    private var numbers: [String: Int] = [:]
    /// A record names its topic by handle. Handles stay valid while a partition of the topic is assigned, so this is
    /// cleared with every rebalance.
    private var numbersByHandle: [OpaquePointer: Int] = [:]
    private var lastHandle: OpaquePointer?
    private var lastNumber = 0

    subscript(number: Int) -> ConsumedTopic { topics[number] }

    mutating func number(ofTopic name: String) -> Int {
        if let number = numbers[name] { return number }
        topics.append(ConsumedTopic(name: name))
        numbers[name] = topics.count - 1
        return topics.count - 1
    }

    mutating func topic(named name: String) -> ConsumedTopic { topics[number(ofTopic: name)] }

    /// - Parameter handle: from a record, not from an error: those come with handles of their own that don't last.
    mutating func number(ofHandle handle: OpaquePointer) -> Int {
        if handle == lastHandle { return lastNumber }
        let number =
            numbersByHandle[handle] ?? self.number(ofTopic: String(cString: rd_kafka_topic_name(handle)))
        numbersByHandle[handle] = number
        lastHandle = handle
        lastNumber = number
        return number
    }

    mutating func forgetHandles() {
        numbersByHandle.removeAll(keepingCapacity: true)
        lastHandle = nil
    }

    func revokeAll() { for topic in topics { topic.revokeAll() } }

    var assignedCount: Int { topics.reduce(0) { $0 + $1.partitions.count { $0 != nil } } }

    /// - Parameter subscribed: as in the configuration; decides order, and what is worth showing.
    func statuses(subscribed: [String]) -> [TopicStatus] {
        let named = subscribed.filter { !$0.hasPrefix("^") }
        let others = topics.filter { !named.contains($0.name) && ($0.hasAssignment || $0.problem != nil) }
        return named.map { name in numbers[name].map { topics[$0].status } ?? TopicStatus(topic: name) }
            + others.sorted { $0.name < $1.name }.map(\.status)
    }
}
