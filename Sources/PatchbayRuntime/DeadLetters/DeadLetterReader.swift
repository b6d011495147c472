import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka

/// Reads the letters of one dead-letter topic, without a consumer group, and knows which of them were replayed.
///
/// Thread: one; blocks.
package final class DeadLetterReader {
    /// The letters that were found, with what is known of their replays.
    package struct Found {
        package var letters: [DeadLetter] = []
        package var marks: [DeadLetter.Position: ReplayMark] = [:]
        /// Whether older ones were left out.
        package var hasMore = false
    }

    private let reader: TopicReader
    private let patience: Duration

    /// - Parameter patience: how long brokers may take to answer, and how long they may hand out nothing.
    package init(_ topic: DeadLetterTopic, patience: Duration, logger: Logger) throws(KafkaError) {
        self.patience = patience
        // Marks of replays that were not committed count for nothing, whatever the file says for its consumers.
        let properties = topic.settings.properties.map { (name: $0.name, value: $0.value) } + [("isolation.level", "read_committed")]
        reader = try TopicReader(brokers: topic.settings.brokers, properties: properties, topic: topic.name, logger: logger)
    }

    package func close() { reader.close() }

    /// The record offsets that the topic holds now.
    func extent(since time: Int64? = nil) throws(KafkaError) -> [Int32: Range<Int64>] {
        try reader.extent(since: time, timeout: patience)
    }

    /// Bytes of a value that are kept of letters in lists.
    private static let preview = 512

    /// The newest letters that pass, the newest last.
    package func newest(_ count: Int, of filter: DeadLetterFilter) throws(KafkaError) -> Found {
        let extent = try extent(since: filter.since)
        var window = Int64(count)
        while true {
            let ranges = extent.mapValues { range in
                // Both are at least 0, so this can't overflow.
                max(range.lowerBound, range.upperBound - window)..<range.upperBound
            }
            let isAll = ranges == extent
            var found = Found()
            var kept: [Int32: [DeadLetter]] = [:]
            try reader.read(ranges, patience: patience) { record in
                if let mark = ReplayMark(record) {
                    found.marks[mark.position] = mark
                } else if let letter = DeadLetter(record), filter.takes(letter) {
                    kept[letter.position.partition, default: []].append(letter.withPreview(of: Self.preview))
                    if let letters = kept[letter.position.partition], letters.count >= 2 * count + 2 {
                        kept[letter.position.partition] = Array(letters.suffix(count + 1))
                    }
                }
                return true
            }
            let letters = kept.values.joined().sorted(by: Self.isEarlier)
            // Behind a letter there may be marks and records of others: then it takes a longer look back.
            guard isAll || letters.count > count else {
                window = window.multipliedReportingOverflow(by: 8).overflow ? .max : window * 8
                continue
            }
            found.letters = Array(letters.suffix(count))
            found.hasMore = letters.count > count
            return found
        }
    }

    /// One letter, whole; `nil` when there is none at this place, or none any more.
    package func letter(at position: DeadLetter.Position) throws(KafkaError) -> (letter: DeadLetter, mark: ReplayMark?)? {
        guard let range = try extent()[position.partition], range.contains(position.recordOffset) else { return nil }
        var letter: DeadLetter?
        var mark: ReplayMark?
        try reader.read([position.partition: position.recordOffset..<range.upperBound], patience: patience) { record in
            if record.recordOffset == position.recordOffset {
                letter = DeadLetter(record)
            } else if let found = ReplayMark(record), found.position == position {
                mark = found
            }
            return letter != nil
        }
        return letter.map { ($0, mark) }
    }

    /// Hands out everything in these ranges.
    func read(_ ranges: [Int32: Range<Int64>], _ body: (ConsumedRecord) -> Bool) throws(KafkaError) {
        try reader.read(ranges, patience: patience, body)
    }

    private static func isEarlier(_ left: DeadLetter, _ right: DeadLetter) -> Bool {
        (left.timestampMilliseconds, left.position) < (right.timestampMilliseconds, right.position)
    }
}
