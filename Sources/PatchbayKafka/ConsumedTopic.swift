import CLibRDKafka

/// One topic, as the consumer thread keeps it.
///
/// Thread: consumer.
final class ConsumedTopic {
    let name: String
    private(set) var problem: String?
    /// Partitions that can't be read at the moment, where the problem is one of single partitions.
    private var failing: Set<Int32> = []
    var partitionCount: Int?
    var records: UInt64 = 0
    var badRecords: UInt64 = 0
    var recordsSkipped: UInt64 = 0
    var badRecordLog = RateLimit(every: .seconds(1))
    /// Whether the processor didn't take a record; the partitions are paused at their `position` then.
    var isHalted = false
    /// Whether partitions were sent back and may still have to be checked for coming by at the right place. While it is
    /// false, which is nearly always, no record is looked at for that.
    var awaitsPositions = false
    /// Indexed by partition number, since that is how records ask; `nil` where not assigned.
    private(set) var partitions: [AssignedPartition?] = []
    /// Up to where this thread processed partitions that it gave up: a commit may have come too late for the group.
    private var leftAt: [Int32: Int64] = [:]

    init(name: String) { self.name = name }

    var hasAssignment: Bool { partitions.contains { $0 != nil } }

    /// - Parameter position: where reading begins; `nil` when librdkafka decides.
    @discardableResult
    func assign(_ number: Int32, position: Int64?) -> AssignedPartition? {
        let index = Int(number)
        guard index >= 0 else { return nil }
        while partitions.count <= index { partitions.append(nil) }
        let partition = AssignedPartition(topic: name, number: number, position: position)
        partitions[index] = partition
        problem = nil
        failing.removeAll()
        return partition
    }

    /// Notes that the topic can't be read, or one partition of it.
    /// - Returns: whether this is news.
    func failed(_ text: String, partition: Int32) -> Bool {
        if self.partition(partition) != nil { failing.insert(partition) }
        guard problem != text else { return false }
        problem = text
        return true
    }

    /// Notes that records of a partition came: librdkafka reports when fetching begins to fail, not when it ends.
    /// - Returns: whether that ended a problem.
    func recovered(_ partition: Int32) -> Bool {
        guard failing.remove(partition) != nil, failing.isEmpty else { return false }
        problem = nil
        return true
    }

    func revoke(_ number: Int32) {
        guard let partition = partition(number) else { return }
        if let position = partition.position { leftAt[number] = position }
        partitions[Int(number)] = nil
        _ = recovered(number)
    }

    func revokeAll() {
        for case let partition? in partitions { revoke(partition.number) }
        partitions.removeAll()
    }

    func partition(_ number: Int32) -> AssignedPartition? {
        let index = Int(number)
        return partitions.indices.contains(index) ? partitions[index] : nil
    }

    /// Up to where this thread processed the partition when it last had it, if it ever did.
    func positionLeft(_ number: Int32) -> Int64? { leftAt[number] }

    /// All assigned partitions, for a call of librdkafka.
    func assignedList(offset: Int64 = KafkaOffset.invalid) -> PartitionList {
        let list = PartitionList(capacity: partitions.count)
        for case let partition? in partitions { list.add(name, partition.number, offset: offset) }
        return list
    }

    func refreshWatermarks(client: OpaquePointer) {
        // librdkafka only knows what the last fetch brought.
        guard !isHalted else { return }
        for case let partition? in partitions { partition.refreshWatermarks(topic: name, client: client) }
    }

    var status: TopicStatus {
        var status = TopicStatus(topic: name)
        status.problem = problem
        status.partitionCount = partitionCount
        status.assigned = partitions.compactMap { $0?.status }
        status.records = records
        status.badRecords = badRecords
        status.recordsSkipped = recordsSkipped
        status.isHalted = isHalted
        return status
    }
}
