import CLibRDKafka
import PatchbayAPI

/// One topic, as the consumer thread keeps it.
///
/// Thread: consumer.
final class ConsumedTopic {
    let name: String
    private(set) var problem: String?
    /// Whether it is one of the whole topic, which lasts when its partitions are given up.
    private var isProblemWide = false
    /// Partitions that can't be read at the moment, where the problem is one of single partitions.
    private var failing: Set<Int32> = []
    var partitionCount: Int?
    var records: UInt64 = 0
    var badRecords: UInt64 = 0
    private(set) var recordsSkipped: UInt64 = 0
    private var recordsSkippedIsExact = true
    /// Whether offsets were met that had no record, though none had been deleted, or the topic is compacted.
    var hasHoles = false
    private var recreations: Set<Int32> = []
    private var withoutPosition: Set<Int32> = []
    private var recordsBeforeStart: Int64 = 0
    var badRecordLog = OncePerInterval(every: .seconds(1))
    /// Whether partitions were sent back and may still have to be checked for coming by at the right place. While it is
    /// false, which is nearly always, no record is looked at for that.
    var awaitsPositions = false
    /// Indexed by partition number, since that is how records ask; `nil` where not assigned.
    private(set) var partitions: [AssignedPartition?] = []

    init(name: String) { self.name = name }

    var hasAssignment: Bool { partitions.contains { $0 != nil } }

    /// - Returns: whether such a partition can be.
    @discardableResult
    func assign(_ number: Int32) -> Bool {
        let index = Int(number)
        guard index >= 0 else { return false }
        while partitions.count <= index { partitions.append(nil) }
        partitions[index] = AssignedPartition(topic: name, number: number)
        problem = nil
        failing.removeAll()
        return true
    }

    /// Notes that the topic can't be read, or one partition of it.
    /// - Returns: whether this is news.
    func failed(_ text: String, partition: Int32) -> Bool {
        if self.partition(partition) != nil { failing.insert(partition) }
        guard problem != text else { return false }
        problem = text
        isProblemWide = partition == partitionUnassigned
        return true
    }

    /// Whether librdkafka said of the whole topic that it isn't there, or can't be used.
    var isSaidToBeMissing: Bool { problem != nil && isProblemWide }

    /// Notes that records of a partition came: librdkafka reports when fetching begins to fail, not when it ends.
    /// - Returns: whether that ended a problem.
    func recovered(_ partition: Int32) -> Bool {
        guard failing.remove(partition) != nil, failing.isEmpty else { return false }
        problem = nil
        return true
    }

    func revoke(_ number: Int32) {
        guard partition(number) != nil else { return }
        partitions[Int(number)] = nil
        failing.remove(number)
        if failing.isEmpty, !isProblemWide { problem = nil }
    }

    func partition(_ number: Int32) -> AssignedPartition? {
        let index = Int(number)
        return partitions.indices.contains(index) ? partitions[index] : nil
    }

    /// Notes where reading of a partition begins.
    func began(_ number: Int32, _ start: StartDecision) {
        switch start.reason {
        case .earliest, .latest:
            withoutPosition.insert(number)
            recordsBeforeStart += start.before
        case .recreated: recreations.insert(number)
        case .committed, .deleted, .created, .added: break
        }
    }

    func recreated(_ number: Int32) { recreations.insert(number) }

    func skipped(_ count: UInt64) {
        recordsSkipped &+= count
        if hasHoles { recordsSkippedIsExact = false }
    }

    /// All partitions that librdkafka reads, for a call of it.
    func startedList() -> PartitionList {
        let list = PartitionList(capacity: partitions.count)
        for case let partition? in partitions where partition.isStarted { list.add(name, partition.number) }
        return list
    }

    var status: TopicStatus {
        var status = TopicStatus(topic: name)
        status.problem = problem
        status.partitionCount = partitionCount
        status.assigned = partitions.compactMap { partition in
            guard let partition else { return nil }
            var status = partition.status
            status.isRefused = failing.contains(partition.number)
            return status
        }
        status.records = records
        status.badRecords = badRecords
        status.recordsSkipped = recordsSkipped
        status.recordsSkippedIsExact = recordsSkippedIsExact
        status.recreated = recreations.sorted()
        status.withoutPosition = withoutPosition.sorted()
        status.recordsBeforeStart = recordsBeforeStart
        return status
    }
}

extension ConsumedTopic {
    /// Drops a record that comes a second time in a row.
    ///
    /// A rebalance makes librdkafka (seen with 2.0.2) begin each fetch again where the application got to. When that
    /// falls between taking a record out of its queue and noting that it was taken, the same record is fetched again.
    ///
    /// A topic that was deleted and recreated may repeat an offset, but not its time.
    /// - Returns: how many records remain, moved to the front.
    func dropDuplicates(_ records: UnsafeMutableBufferPointer<Record>) -> Int {
        var kept = 0
        var index = 0
        while index < records.count {
            // A run of one partition; usually the whole fetch of it.
            let number = records[index].partition
            let partition = partition(number)
            var last = partition?.last ?? (-1, -1)
            while index < records.count, records[index].partition == number {
                let record = records[index]
                index += 1
                guard record.recordOffset != last.recordOffset || record.timestampMilliseconds != last.timestamp
                else { continue }
                last = (record.recordOffset, record.timestampMilliseconds)
                if kept != index - 1 { records[kept] = record }
                kept += 1
            }
            partition?.last = last
        }
        return kept
    }
}
