import CLibRDKafka
import Logging

/// Reads a topic for a person to look at: without a consumer group, and without committing anything.
///
/// Thread: one at a time; everything blocks the calling thread.
public final class TopicReader {
    /// Where to begin, in every partition.
    public enum Start: Sendable, Equatable {
        /// The oldest record that the brokers still have.
        case beginning
        /// What comes from now on.
        case end
        /// The last records over all partitions, this many, then what comes.
        case last(Int)
    }

    private let topic: String
    /// `nil` once closed.
    private var client: InspectionClient?

    /// Connects to nothing yet.
    ///
    /// - Parameters:
    ///   - brokers: `host:port`, at least one.
    ///   - properties: librdkafka's, be they for consumers or producers.
    /// - Throws: `configuration` in librdkafka's words.
    public init(
        brokers: [String], properties: [(name: String, value: String)] = [], topic: String, logger: Logger
    ) throws(KafkaError) {
        self.topic = topic
        client = try InspectionClient(brokers: brokers, properties: properties, logger: logger)
    }

    /// Frees what it holds; everything else throws `closed` afterwards. Happens by itself when the reader goes. Takes
    /// about a second at most, also when brokers don't answer. Safe to call more than once.
    public func close() { client = nil }

    /// The last records over all partitions, ordered by timestamp, then by partition and record offset.
    ///
    /// - Parameters:
    ///   - count: how many; fewer are returned when the topic holds fewer.
    ///   - timeout: for all of it.
    /// - Throws: `unknownTopic`; `timedOut` when brokers don't answer in time; `closed`; `other`, such as for want of
    ///   authorization.
    public func readLast(_ count: Int, timeout: Duration) throws(KafkaError) -> [ConsumedRecord] {
        try last(count, until: .now + timeout).records
    }

    /// Hands out records as they come until `body` returns `false` or closes the reader.
    ///
    /// Once it has begun, brokers that go away are waited for.
    /// - Parameter timeout: for finding out where to begin, and for reading what `.last` asks for.
    /// - Throws: as `readLast` does.
    public func follow(
        from start: Start, timeout: Duration, _ body: (ConsumedRecord) -> Bool
    ) throws(KafkaError) {
        let client = try open()
        let deadline = ContinuousClock.now + timeout
        let offsets: [Int64]
        switch start {
        case .last(let count):
            let (records, ends) = try last(count, until: deadline)
            for record in records {
                guard body(record), self.client != nil else { return }
            }
            offsets = ends
        case .beginning, .end:
            let description = try client.topic(topic, until: deadline)
            offsets = try client.offsets(
                start == .end ? KafkaOffset.end : KafkaOffset.beginning, topic: topic,
                partitions: description.partitionCount, until: deadline)
        }
        let fetch = try TopicFetch(client, topic: topic)
        for (partition, offset) in offsets.enumerated() { try fetch.start(Int32(clamping: partition), at: offset) }
        while true {
            guard case .record(let record)? = try fetch.next(timeoutMilliseconds: 100) else { continue }
            guard body(record), self.client != nil else { return }
        }
    }

    private func open() throws(KafkaError) -> InspectionClient {
        guard let client else { throw KafkaError(.closed, "the reader of topic `\(topic)` is closed") }
        return client
    }

    /// - Returns: also the end of each partition, where the records leave off.
    private func last(
        _ count: Int, until deadline: ContinuousClock.Instant
    ) throws(KafkaError) -> (records: [ConsumedRecord], ends: [Int64]) {
        let client = try open()
        let description = try client.topic(topic, until: deadline)
        let partitions = description.partitionCount
        let lows = try client.offsets(KafkaOffset.beginning, topic: topic, partitions: partitions, until: deadline)
        let ends = try client.offsets(KafkaOffset.end, topic: topic, partitions: partitions, until: deadline)
        guard count > 0 else { return ([], ends) }
        var window = Int64(count)
        var found: [ConsumedRecord]?
        while true {
            var ranges: [Range<Int64>] = []
            for (low, end) in zip(lows, ends) {
                let (start, overflow) = end.subtractingReportingOverflow(window)
                ranges.append(min(overflow ? low : max(low, start), end)..<end)
            }
            do throws(KafkaError) {
                found = try read(ranges, keeping: count, until: deadline, client)
            } catch {
                guard found != nil, error.kind == .timedOut else { throw error }
                // Rather fewer than none.
                window = Int64.max
            }
            // Compaction and transactions leave offsets without a record; then it takes a longer look back.
            let records = found ?? []
            let hasMore = window < Int64.max && zip(ranges, lows).contains { $0.lowerBound > $1 }
            if records.count < count, hasMore {
                window = window.multipliedReportingOverflow(by: 8).overflow ? Int64.max : window * 8
                continue
            }
            let sorted = records.sorted {
                ($0.timestampMilliseconds, $0.partition, $0.recordOffset)
                    < ($1.timestampMilliseconds, $1.partition, $1.recordOffset)
            }
            return (Array(sorted.suffix(count)), ends)
        }
    }

    /// Reads a range of each partition, by index, and keeps the last records of each.
    private func read(
        _ ranges: [Range<Int64>], keeping count: Int, until deadline: ContinuousClock.Instant, _ client: InspectionClient
    ) throws(KafkaError) -> [ConsumedRecord] {
        var kept = [[ConsumedRecord]](repeating: [], count: ranges.count)
        let numbered = Dictionary(uniqueKeysWithValues: ranges.enumerated().map { (Int32(clamping: $0), $1) })
        try read(numbered, client, isLate: { _ in .now >= deadline }) { record in
            let partition = Int(record.partition)
            kept[partition].append(record)
            if kept[partition].count >= 2 * count { kept[partition].removeFirst(count) }
            return true
        }
        return kept.flatMap { $0.suffix(count) }
    }

    /// - Parameter isLate: asked with the time of the last record, before more is waited for.
    private func read(
        _ ranges: [Int32: Range<Int64>], _ client: InspectionClient, isLate: (ContinuousClock.Instant) -> Bool,
        _ body: (ConsumedRecord) -> Bool
    ) throws(KafkaError) {
        let fetch = try TopicFetch(client, topic: topic)
        var unfinished: Set<Int32> = []
        for (partition, range) in ranges where !range.isEmpty {
            try fetch.start(partition, at: range.lowerBound)
            unfinished.insert(partition)
        }
        var last = ContinuousClock.now
        while !unfinished.isEmpty {
            guard !isLate(last) else { throw client.unanswered(KafkaErrorCode(RD_KAFKA_RESP_ERR__TIMED_OUT)) }
            switch try fetch.next(timeoutMilliseconds: 50) {
            case .record(let record)?:
                guard unfinished.contains(record.partition), let range = ranges[record.partition] else { break }
                if record.recordOffset >= range.upperBound - 1 { unfinished.remove(record.partition) }
                if record.recordOffset < range.upperBound { guard body(record), self.client != nil else { return } }
                last = .now
            case .end(let partition)?:
                unfinished.remove(partition)
                last = .now
            case nil:
                break
            }
        }
    }
}

// MARK: Ranges

extension TopicReader {
    /// The record offsets that every partition holds now, from the first record on that is at least as late as a time.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970; `nil` for all records. Those before it may be among the records all the same.
    ///   - timeout: for all of it.
    /// - Throws: as `readLast` does.
    public func extent(since time: Int64? = nil, timeout: Duration) throws(KafkaError) -> [Int32: Range<Int64>] {
        let client = try open()
        let deadline = ContinuousClock.now + timeout
        let partitions = try client.topic(topic, until: deadline).partitionCount
        var starts = try client.offsets(KafkaOffset.beginning, topic: topic, partitions: partitions, until: deadline)
        let ends = try client.offsets(KafkaOffset.end, topic: topic, partitions: partitions, until: deadline)
        if let time, time > 0 { try advance(&starts, to: time, before: ends, until: deadline, client) }
        return Dictionary(
            uniqueKeysWithValues: zip(starts, ends).enumerated().map { (Int32(clamping: $0), min($1.0, $1.1)..<$1.1) })
    }

    /// Hands out the records of these ranges as they come, those of one partition in order, until there are no more of them or
    /// `body` returns `false`.
    ///
    /// - Parameter patience: how long brokers may hand out nothing.
    /// - Throws: as `readLast` does.
    public func read(
        _ ranges: [Int32: Range<Int64>], patience: Duration, _ body: (ConsumedRecord) -> Bool
    ) throws(KafkaError) {
        try read(ranges, try open(), isLate: { .now - $0 >= patience }, body)
    }

    private func advance(
        _ starts: inout [Int64], to time: Int64, before ends: [Int64], until deadline: ContinuousClock.Instant, _ client: InspectionClient
    ) throws(KafkaError) {
        let all = starts.indices.map { TopicPartition(topic: topic, number: Int32(clamping: $0)) }
        let found = client.offsets(time, all, until: deadline).offsets
        var unknown: [Int32: Range<Int64>] = [:]
        for (index, partition) in all.enumerated() {
            if let offset = found[partition] {
                starts[index] = min(max(starts[index], offset), ends[index])
            } else {
                unknown[partition.number] = max(starts[index], ends[index] - Self.newest)..<max(starts[index], ends[index])
            }
        }
        // Brokers say nothing when all records are older, and an embedded Kafka, which doesn't know times, says nothing at all: the
        // last records tell which it is.
        var latest: [Int32: Int64] = [:]
        try read(unknown, client, isLate: { _ in .now >= deadline }) { record in
            latest[record.partition] = max(latest[record.partition] ?? .min, record.timestampMilliseconds)
            return true
        }
        for (partition, timestamp) in latest where timestamp < time { starts[Int(partition)] = ends[Int(partition)] }
    }

    /// Offsets at the end of a partition that surely have a record among them, beside those that transactions leave.
    private static let newest: Int64 = 20
}
