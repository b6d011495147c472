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
    /// Whether the brokers said that the topic doesn't exist, since reading of it last began.
    private(set) var wasGone = false
    private var recreations: Set<Int32> = []
    private var withoutPosition: Set<Int32> = []
    private var recordsBeforeStart: Int64 = 0
    var badRecordLog = OncePerInterval(every: .seconds(1))
    /// Whether the processor didn't take a record; the partitions are paused at their `position` then.
    var isHalted = false
    /// Whether not every offset may be committed for now; see `ConsumerHolding`.
    var hold: Hold?
    var holdLog = OncePerInterval(every: .seconds(60))
    /// Whether the log says that it is paused for that.
    var isHoldTold = false
    /// Why; as of the last publication.
    var holdReason: String?
    /// Whether partitions were sent back and may still have to be checked for coming by at the right place. While it is
    /// false, which is nearly always, no record is looked at for that.
    var awaitsPositions = false
    /// Indexed by partition number, since that is how records ask; `nil` where not assigned.
    private(set) var partitions: [AssignedPartition?] = []
    /// Up to where this thread processed partitions that it gave up: a commit may have come too late for the group.
    private var leftAt: [Int32: Int64] = [:]

    enum Hold {
        /// The partitions are still being read.
        case brief
        case paused
    }

    init(name: String) { self.name = name }

    /// Whether librdkafka is told to fetch nothing.
    var isPaused: Bool { isHalted || hold == .paused }

    var hasAssignment: Bool { partitions.contains { $0 != nil } }

    /// - Parameter question: under which it was asked where reading begins.
    func assign(_ number: Int32, question: UInt64) -> AssignedPartition? {
        let index = Int(number)
        guard index >= 0 else { return nil }
        while partitions.count <= index { partitions.append(nil) }
        let partition = AssignedPartition(topic: name, number: number, question: question)
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
        isProblemWide = partition == partitionUnassigned
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
        failing.remove(number)
        if failing.isEmpty, !isProblemWide { problem = nil }
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

    /// Notes that the brokers say that the topic doesn't exist: positions in it mean nothing from now on. One that never was
    /// there isn't gone.
    func isGone() {
        guard partitionCount != nil || !leftAt.isEmpty || partitions.contains(where: { $0?.isStarted == true }) else { return }
        wasGone = true
        leftAt = [:]
    }

    /// Notes where reading of a partition begins.
    func began(_ number: Int32, _ start: StartDecision) {
        leftAt[number] = nil
        switch start.reason {
        case .earliest, .latest:
            withoutPosition.insert(number)
            recordsBeforeStart += start.before
        case .recreated: recreations.insert(number)
        case .committed, .deleted, .created, .added: break
        }
        // The next answer that the topic is gone is about this life.
        if !partitions.contains(where: { $0?.isStarted == false }) { wasGone = false }
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
        status.isHalted = isHalted
        status.holdReason = holdReason
        return status
    }
}

extension ConsumedTopic {
    /// Leaves out a record that comes a second time in a row.
    ///
    /// A rebalance makes librdkafka (seen with 2.0.2) begin each fetch again where the application got to. When that
    /// falls between taking a record out of its queue and noting that it was taken, the same record is fetched again.
    ///
    /// A topic that was deleted and recreated may repeat an offset, but not its time.
    /// - Returns: how many records remain, moved to the front.
    func leaveOutRepeats(_ records: UnsafeMutableBufferPointer<Record>) -> Int {
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
