/// Which assigned partitions wait for a start, what is known of them, and where reading of each begins.
///
/// librdkafka gets a partition together with its position, once that is known: it never decides by itself where a partition begins.
///
/// Pure: questions go out to `OffsetWatcher`, its answers come in, and what has to be done comes out, in order.
struct StartPositions {
    /// Where does reading of this partition begin?
    struct Question: Hashable, Sendable {
        var partition: TopicPartition
        /// Tells the answers to one assignment's question from those to an earlier one's.
        var number: UInt64
    }

    struct Answer: Sendable {
        enum Outcome: Sendable {
            case found(Found)
            /// Asked again by itself; in the brokers' words.
            case refused(String)
        }

        var question: Question
        var outcome: Outcome
    }

    /// What the brokers say of one partition: record offsets, as in `StartInputs`.
    struct Found: Equatable, Sendable {
        var committed: Int64?
        var topicHasPositions: Bool
        var low: Int64
        var end: Int64
    }

    struct Start: Equatable {
        var partition: TopicPartition
        var decision: StartDecision
    }

    enum Action: Equatable {
        /// It is known where reading of the partition begins.
        case begin(Start, Found)
        /// It can't be read for now.
        case refuse(TopicPartition, reason: String)
        /// Give these partitions with their positions to librdkafka.
        case hand([TopicPartition])
        /// Have where reading begins committed as soon as that can be: a group that has no position yet would begin at the end again
        /// after a crash, and what came in between would be skipped.
        case commitSoon
        /// Records were deleted at the broker before they were read, from `from` up to but not including `to`.
        case tellDeleted(TopicPartition, from: Int64, to: Int64)
        case tellAssigned([Start])
        /// The group has no committed offset in these partitions.
        /// - Parameter before: record offsets that lie before the starts.
        case tellNewcomers(topic: String, partitions: [Int32], begins: StartDecision.Reason, before: Int64)
    }

    private struct Wait {
        var number: UInt64
        /// Whether an answer may still settle it.
        var isOpen = true
    }

    /// What was there when the topics were first asked for.
    var baseline = TopicBaseline()
    private let policy: OffsetResetPolicy
    /// Assigned partitions that are not read yet.
    private var waiting: [TopicPartition: Wait] = [:]
    private var lastNumber: UInt64 = 0
    private var openCount = 0
    /// Up to where this thread processed partitions that it gave up: a commit may have come too late for the group.
    private var leftAt: [TopicPartition: Int64] = [:]
    /// Topics of which the brokers said that they don't exist, since reading of them last began.
    private var gone: Set<String> = []

    /// - Parameter policy: where a group begins that has no position.
    init(policy: OffsetResetPolicy) { self.policy = policy }

    /// Whether it isn't known yet of any assigned partition where reading begins. Asked at every poll.
    var isAnyOpen: Bool { openCount > 0 }

    var openQuestions: Set<Question> {
        Set(waiting.lazy.filter { $0.value.isOpen }.map { Question(partition: $0.key, number: $0.value.number) })
    }

    // MARK: What happened

    /// These partitions are ours now.
    /// - Returns: what has to be asked.
    mutating func assigned(_ partitions: [TopicPartition]) -> [Question] {
        partitions.map { partition in
            lastNumber &+= 1
            forget(partition)
            waiting[partition] = Wait(number: lastNumber)
            openCount += 1
            return Question(partition: partition, number: lastNumber)
        }
    }

    /// This partition isn't ours any more.
    /// - Parameter position: up to where it was processed; `nil` when it was never read.
    mutating func gaveUp(_ partition: TopicPartition, at position: Int64?) {
        forget(partition)
        if let position { leftAt[partition] = position }
    }

    /// The brokers say that the topic doesn't exist: positions in it mean nothing from now on. One that never was there isn't gone.
    /// - Parameter wasThere: whether brokers said otherwise before, or a partition of it is being read.
    mutating func topicIsGone(_ topic: String, wasThere: Bool) {
        guard wasThere || leftAt.keys.contains(where: { $0.topic == topic }) else { return }
        gone.insert(topic)
        leftAt = leftAt.filter { $0.key.topic != topic }
    }

    // MARK: Answers

    /// Decides where partitions begin whose questions these are; answers to earlier questions are left out.
    mutating func settle(_ answers: [Answer]) -> [Action] {
        var actions: [Action] = []
        var started: [Start] = []
        for answer in answers {
            let partition = answer.question.partition
            guard let wait = waiting[partition], wait.isOpen, wait.number == answer.question.number else { continue }
            switch answer.outcome {
            case .refused(let reason):
                actions.append(.refuse(partition, reason: "the brokers don't say where reading begins: \(reason)"))
            case .found(let found):
                let inputs = StartInputs(
                    committed: found.committed, left: leftAt[partition], topicHasPositions: found.topicHasPositions,
                    isNew: !baseline.existed(partition.topic, partition: partition.number),
                    wasGone: gone.contains(partition.topic), low: found.low, end: found.end, policy: policy)
                openCount -= 1
                guard let decision = StartDecision(inputs) else {
                    waiting[partition]?.isOpen = false
                    actions.append(
                        .refuse(partition, reason: "the group has no committed offset in it, and `auto.offset.reset` is `error`"))
                    continue
                }
                waiting[partition] = nil
                let start = Start(partition: partition, decision: decision)
                started.append(start)
                actions.append(.begin(start, found))
            }
        }
        guard !started.isEmpty else { return actions }
        for start in started { leftAt[start.partition] = nil }
        // The next answer that a topic is gone is about this life of it.
        for topic in Set(started.map(\.partition.topic)) where !waiting.keys.contains(where: { $0.topic == topic }) {
            gone.remove(topic)
        }
        return actions + [.hand(started.map(\.partition)), .commitSoon] + Self.tell(started)
    }

    private static func tell(_ started: [Start]) -> [Action] {
        var actions: [Action] = []
        for start in started where start.decision.deleted > 0 {
            let offset = start.decision.offset
            actions.append(.tellDeleted(start.partition, from: offset - start.decision.deleted, to: offset))
        }
        actions.append(.tellAssigned(started))
        let newcomers = started.filter { [.earliest, .latest].contains($0.decision.reason) }
        for (topic, starts) in Dictionary(grouping: newcomers, by: \.partition.topic).sorted(by: { $0.key < $1.key }) {
            actions.append(
                .tellNewcomers(
                    topic: topic, partitions: starts.map(\.partition.number), begins: starts[0].decision.reason,
                    before: starts.reduce(0) { $0 + $1.decision.before }))
        }
        return actions
    }

    private mutating func forget(_ partition: TopicPartition) {
        if waiting.removeValue(forKey: partition)?.isOpen == true { openCount -= 1 }
    }
}

/// `orders[0-3] committed, orders[4] added at 0`: a line of log must stay a line with a thousand partitions.
func describeStarts(_ starts: [StartPositions.Start]) -> String {
    struct Kind: Hashable { var topic: String, reason: String }

    var kinds: [Kind: [(number: Int32, offset: Int64)]] = [:]
    for start in starts {
        kinds[Kind(topic: start.partition.topic, reason: start.decision.reason.rawValue), default: []]
            .append((start.partition.number, start.decision.offset))
    }
    return kinds.sorted { ($0.key.topic, $0.key.reason) < ($1.key.topic, $1.key.reason) }.map { kind, starts in
        let starts = starts.sorted { $0.number < $1.number }
        let offsets = starts.prefix(8).map { String($0.offset) }.joined(separator: ",")
        return "\(kind.topic)[\(ranges(of: starts.map(\.number)))] \(kind.reason) at \(offsets)\(starts.count > 8 ? ",…" : "")"
    }.joined(separator: "; ")
}
