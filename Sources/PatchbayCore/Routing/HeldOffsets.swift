import DequeModule
import PatchbayAPI

/// The offsets of the records that one step holds, exactly, and the lowest of each partition.
///
/// One bit for each offset, 64 of them in a word: records of a partition come in order and are mostly released in order, so
/// holding one and releasing it looks at the ends. Pure; allocates nothing once its words have grown to the longest span held.
struct HeldOffsets {
    /// What one step may hold before it is told to flush.
    struct Limits {
        var records = 1_000_000
        var bytes = 256 << 20
        var milliseconds: Int64 = 300_000
    }

    private struct Word {
        /// The offset divided by 64.
        let number: Int64
        var bits: UInt64
        /// Of the records whose bits are set. Which of them took how much isn't known: each that goes takes its share.
        var bytes: Int
        /// When its first record came. Milliseconds of the monotonic clock.
        let since: Int64
    }

    private struct Partition {
        let topic: Int32
        let number: Int32
        /// By number. The first has a bit set.
        var words: Deque<Word> = []
        /// Those without a bit that others lie before.
        var emptyWords = 0
    }

    private var partitions: [Partition] = []
    /// The one that was asked for last, nearly always the right one.
    private var latest = 0
    /// Further holdings of records that are held already.
    private var repeated: [HeldRecord: Int] = [:]
    /// Records held.
    private(set) var count = 0
    /// Of their keys and values, about.
    private(set) var bytes = 0

    /// - Parameter now: milliseconds of the monotonic clock.
    mutating func hold(_ record: HeldRecord, bytes size: Int, at now: Int64) {
        guard record.partition >= 0, record.recordOffset >= 0 else { return }
        let place = index(of: record) ?? add(record)
        let (number, bit) = (record.recordOffset >> 6, UInt64(1) << UInt64(record.recordOffset & 63))
        let word = firstWord(from: number, place)
        if word == partitions[place].words.count || partitions[place].words[word].number != number {
            partitions[place].words.insert(Word(number: number, bits: 0, bytes: 0, since: now), at: word)
            partitions[place].emptyWords += 1
        }
        set(bit, of: record, size, word: word, place)
    }

    mutating func release(_ record: HeldRecord) {
        if !repeated.isEmpty, let more = repeated[record] {
            repeated[record] = more > 1 ? more - 1 : nil
            return
        }
        guard record.recordOffset >= 0, let place = index(of: record) else { return }
        let (number, bit) = (record.recordOffset >> 6, UInt64(1) << UInt64(record.recordOffset & 63))
        let word = firstWord(from: number, place)
        guard word < partitions[place].words.count, partitions[place].words[word].number == number,
            partitions[place].words[word].bits & bit != 0
        else { return }
        let share = partitions[place].words[word].bytes / partitions[place].words[word].bits.nonzeroBitCount
        partitions[place].words[word].bits &= ~bit
        partitions[place].words[word].bytes -= share
        bytes -= share
        count -= 1
        guard partitions[place].words[word].bits == 0 else { return }
        partitions[place].emptyWords += 1
        tidy(place)
    }

    /// The lowest offset held of each partition of a topic.
    func lowest(ofTopic topic: Int32, _ take: (_ partition: Int32, _ offset: Int64) -> Void) {
        for partition in partitions where partition.topic == topic {
            guard let word = partition.words.first else { continue }
            take(partition.number, word.number << 6 + Int64(word.bits.trailingZeroBitCount))
        }
    }

    func holds(topic: Int32) -> Bool { count > 0 && partitions.contains { $0.topic == topic && !$0.words.isEmpty } }

    /// Whether more is held than may be, or for longer.
    func exceeds(_ limits: Limits, at now: Int64) -> Bool {
        guard count > 0 else { return false }
        return count > limits.records || bytes > limits.bytes
            || partitions.contains { $0.words.first.map { now - $0.since > limits.milliseconds } ?? false }
    }

    /// Forgets what is held of one partition, or of all.
    ///
    /// - Returns: how many records that were.
    @discardableResult
    mutating func removeAll(topic: Int32? = nil, partition: Int32? = nil) -> Int {
        let before = count
        repeated = repeated.filter { topic != nil && ($0.key.topic != topic || $0.key.partition != partition) }
        for place in partitions.indices where topic == nil || partitions[place].topic == topic && partitions[place].number == partition {
            for word in partitions[place].words {
                count -= word.bits.nonzeroBitCount
                bytes -= word.bytes
            }
            partitions[place].words.removeAll()
            partitions[place].emptyWords = 0
        }
        return before - count
    }

    // MARK: Places

    private mutating func index(of record: HeldRecord) -> Int? {
        if partitions.indices.contains(latest), partitions[latest].number == record.partition, partitions[latest].topic == record.topic {
            return latest
        }
        guard let found = partitions.firstIndex(where: { $0.number == record.partition && $0.topic == record.topic }) else { return nil }
        latest = found
        return found
    }

    private mutating func add(_ record: HeldRecord) -> Int {
        partitions.append(Partition(topic: record.topic, number: record.partition))
        latest = partitions.count - 1
        return latest
    }

    /// Place of the first word from this number on; nearly always that is the last word, or behind it.
    private func firstWord(from number: Int64, _ place: Int) -> Int {
        var (low, high) = (0, partitions[place].words.count)
        if let last = partitions[place].words.last, last.number <= number { return last.number == number ? high - 1 : high }
        while low < high {
            let middle = (low + high) / 2
            if partitions[place].words[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func set(_ bit: UInt64, of record: HeldRecord, _ size: Int, word: Int, _ place: Int) {
        guard partitions[place].words[word].bits & bit == 0 else {
            repeated[record, default: 0] += 1
            return
        }
        if partitions[place].words[word].bits == 0 { partitions[place].emptyWords -= 1 }
        partitions[place].words[word].bits |= bit
        partitions[place].words[word].bytes += size
        bytes += size
        count += 1
    }

    /// Lets go of words without bits: those in front at once, the others when they are the most.
    private mutating func tidy(_ place: Int) {
        while partitions[place].words.first?.bits == 0 {
            partitions[place].words.removeFirst()
            partitions[place].emptyWords -= 1
        }
        guard partitions[place].emptyWords > 64, partitions[place].emptyWords > partitions[place].words.count / 2 else { return }
        partitions[place].words.removeAll { $0.bits == 0 }
        partitions[place].emptyWords = 0
    }
}
