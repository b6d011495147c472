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

    /// Called now and then while letters are under way, and once when all are decided: to try again what could not be
    /// queued, and to log what was lost. Never waits for a broker.
    func tend()

    /// What keeps letters from being written, as far as that is known.
    var obstacle: String? { get }
}

/// Letters under way, by the topic that their records came from: that topic's offsets must not be committed meanwhile.
///
/// Thread: any. Written with every letter, not with every record.
final class PendingLetters: Sendable {
    private struct Waiting {
        var count = 0
        var target = ""
        var since = ContinuousClock.now
    }

    private let total = Atomic<Int>(0)
    private let topics = Mutex<[String: Waiting]>([:])

    /// Whether none is under way.
    var isEmpty: Bool { total.load(ordering: .acquiring) == 0 }

    func begin(from topic: String, to target: String) {
        topics.withLock { topics in
            topics[topic, default: Waiting()].count += 1
            topics[topic]?.target = target
        }
        total.wrappingAdd(1, ordering: .releasing)
    }

    func end(from topic: String) {
        topics.withLock { topics in
            guard var waiting = topics[topic] else { return }
            waiting.count -= 1
            topics[topic] = waiting.count > 0 ? waiting : nil
        }
        total.wrappingSubtract(1, ordering: .releasing)
    }

    func isWaiting(from topic: String) -> Bool { !isEmpty && topics.withLock { $0[topic] != nil } }

    /// How many letters of a topic are under way, where to, and since when there has been at least one.
    func waiting(from topic: String) -> (count: Int, target: String, since: ContinuousClock.Instant)? {
        topics.withLock { topics in topics[topic].map { ($0.count, $0.target, $0.since) } }
    }
}

/// The way of a processor's letters: each is counted once, by what became of it.
///
/// Thread: consumer.
struct LetterBox {
    let writer: any DeadLetterWriter
    let pending: PendingLetters
    let router: Router

    func write(_ record: Record, refused report: RejectedRecord, to target: String, countedBy counters: RouteCounters) {
        let (pending, router, source) = (pending, router, report.topic)
        pending.begin(from: source, to: target)
        router.changeWaitingDeadLetters(by: 1)
        writer.write(record, refused: report, to: target) { fate in
            switch fate {
            case .written: counters.addDeadLettered()
            case .lost: router.countLostDeadLetters(1)
            case .withdrawn: break
            }
            router.changeWaitingDeadLetters(by: -1)
            // Last: who sees that nothing is under way may rely on the counts.
            pending.end(from: source)
        }
    }
}
