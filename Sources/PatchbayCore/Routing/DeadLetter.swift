import DequeModule
public import PatchbayAPI
import Synchronization

/// What became of one dead letter. Decided once for each, by its own delivery report.
public enum DeadLetterFate: Sendable, Equatable {
    /// The brokers have it.
    case written
    /// It will never be written. The writer has logged why.
    case lost
    /// The writer was closed before the brokers answered. Nothing is lost, since the record's offset was not committed:
    /// the record will be read again.
    case withdrawn
}

/// Where refused records of routes with `on_error: dead_letter` go: a topic of the cluster they came from.
///
/// Thread: consumer.
public protocol DeadLetterWriter: AnyObject {
    /// Takes a copy of one refused record. Never waits for a broker.
    ///
    /// - Parameters:
    ///   - record: as it came from Kafka, borrowed.
    ///   - topic: the dead-letter topic.
    ///   - decided: called exactly once, on any thread, perhaps before this returns.
    func write(
        _ record: Record, refused: RejectedRecord, to topic: String, decided: @escaping @Sendable (DeadLetterFate) -> Void)

    /// Called now and then while letters are under way, and once after letters were written that were decided at once: to
    /// try again what could not be queued, and to log what was lost. Never waits for a broker.
    func tend()

    /// What has kept letters from being written since then, as far as that is known.
    func obstacle(since: ContinuousClock.Instant) -> String?
}

/// Letters under way, by the topic that their records came from: offsets from the first of them on must not be committed
/// meanwhile.
///
/// Thread: any. Written with every letter, not with every record.
final class PendingLetters: Sendable {
    /// After this long a letter is late, and its topic is paused. A broker that is well answers within a fraction.
    static let patience = Duration.seconds(2)
    /// So many letters may be under way for one topic before it is paused, however young they are.
    static let mostPerTopic = 10_000

    private struct Letter {
        let partition: Int32
        let offset: Int64
        let since: ContinuousClock.Instant
    }

    private struct Waiting {
        var target = ""
        var letters: [UInt64: Letter] = [:]
        /// In the order of writing; the decided ones are left out when they come to the front.
        var order: Deque<UInt64> = []

        /// When the first of those that are under way was written.
        var since: ContinuousClock.Instant? { order.first.flatMap { letters[$0]?.since } }
    }

    private let total = Atomic<Int>(0)
    private let numbers = Atomic<UInt64>(0)
    private let topics = Mutex<[String: Waiting]>([:])

    /// Whether none is under way.
    var isEmpty: Bool { total.load(ordering: .acquiring) == 0 }

    /// How many there have been.
    var begun: UInt64 { numbers.load(ordering: .acquiring) }

    /// - Returns: the letter's number, for `end`.
    func begin(from topic: String, partition: Int32, offset: Int64, to target: String, at now: ContinuousClock.Instant = .now) -> UInt64 {
        let number = numbers.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
        topics.withLock { topics in
            topics[topic, default: Waiting()].letters[number] = Letter(partition: partition, offset: offset, since: now)
            topics[topic]?.order.append(number)
            topics[topic]?.target = target
        }
        total.wrappingAdd(1, ordering: .releasing)
        return number
    }

    func end(_ number: UInt64, from topic: String) {
        topics.withLock { topics in
            guard var waiting = topics.removeValue(forKey: topic) else { return }
            waiting.letters[number] = nil
            while let first = waiting.order.first, waiting.letters[first] == nil { waiting.order.removeFirst() }
            if !waiting.letters.isEmpty { topics[topic] = waiting }
        }
        total.wrappingSubtract(1, ordering: .releasing)
    }

    func isWaiting(from topic: String) -> Bool { !isEmpty && topics.withLock { $0[topic] != nil } }

    /// By partition, the offset of the first record whose letter is under way.
    func lowestOffsets(from topic: String) -> [Int32: Int64] {
        guard !isEmpty else { return [:] }
        return topics.withLock { topics in
            var lowest: [Int32: Int64] = [:]
            for letter in topics[topic]?.letters.values ?? [:].values {
                lowest[letter.partition] = min(lowest[letter.partition] ?? .max, letter.offset)
            }
            return lowest
        }
    }

    /// Whether one of them is late, or they are too many.
    func wantsPause(_ topic: String, at now: ContinuousClock.Instant = .now) -> Bool {
        guard !isEmpty else { return false }
        return topics.withLock { topics in
            guard let waiting = topics[topic], let since = waiting.since else { return false }
            return now - since >= Self.patience || waiting.letters.count >= Self.mostPerTopic
        }
    }

    /// How many letters of a topic are under way, where to, and since when the first of them.
    func waiting(from topic: String) -> (count: Int, target: String, since: ContinuousClock.Instant)? {
        topics.withLock { topics in
            topics[topic].flatMap { waiting in waiting.since.map { (waiting.letters.count, waiting.target, $0) } }
        }
    }
}

/// The way of a processor's letters: each is counted once, by what became of it.
///
/// Thread: consumer.
struct LetterBox {
    let writer: any DeadLetterWriter
    let pending: PendingLetters
    let router: RoutingHub

    func write(_ record: Record, refused report: RejectedRecord, to target: String, countedBy counters: RouteCounters) {
        let (pending, router, source) = (pending, router, report.topic)
        let number = pending.begin(from: source, partition: report.partition, offset: report.recordOffset, to: target)
        router.changeWaitingDeadLetters(by: 1)
        writer.write(record, refused: report, to: target) { fate in
            switch fate {
            case .written: counters.addDeadLettered()
            case .lost: router.countLostDeadLetters(1)
            case .withdrawn: break
            }
            router.changeWaitingDeadLetters(by: -1)
            // Last: who sees that nothing is under way may rely on the counts.
            pending.end(number, from: source)
        }
    }
}
