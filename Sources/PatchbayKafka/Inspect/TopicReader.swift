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
        let fetch = try TopicFetch(client, topic: topic)
        var kept = [[ConsumedRecord]](repeating: [], count: ranges.count)
        var unfinished = Set<Int>()
        for (partition, range) in ranges.enumerated() where !range.isEmpty {
            try fetch.start(Int32(clamping: partition), at: range.lowerBound)
            unfinished.insert(partition)
        }
        while !unfinished.isEmpty {
            guard .now < deadline else { throw client.unanswered(KafkaErrorCode(RD_KAFKA_RESP_ERR__TIMED_OUT)) }
            switch try fetch.next(timeoutMilliseconds: 50) {
            case .record(let record)?:
                let partition = Int(record.partition)
                guard unfinished.contains(partition) else { break }
                if record.recordOffset < ranges[partition].upperBound {
                    kept[partition].append(record)
                    if kept[partition].count >= 2 * count { kept[partition].removeFirst(count) }
                }
                if record.recordOffset >= ranges[partition].upperBound - 1 { unfinished.remove(partition) }
            case .end(let partition)?:
                unfinished.remove(Int(partition))
            case nil:
                break
            }
        }
        return kept.flatMap { $0.suffix(count) }
    }
}
