import CLibRDKafka
import Dispatch
import Synchronization

/// Asks the brokers what the consumer thread must not wait for: where reading of assigned partitions begins, and where
/// their logs end.
///
/// It has a thread of its own, and a client that it shares with `TopicWatcher`. So nothing that brokers answer slowly holds up
/// records, and what it asks isn't held up by a quota: brokers throttle connections, and this one fetches nothing.
///
/// Thread: any. Call `stop` before letting go of it.
final class OffsetWatcher: Sendable {
    typealias Question = StartPositions.Question
    typealias Answer = StartPositions.Answer

    private struct State {
        var isStopped = false
        /// With the time of asking.
        var questions: [Question: ContinuousClock.Instant] = [:]
        var answers: [Answer] = []
        var watched: [TopicPartition] = []
        var ends: [TopicPartition: Int64]?
        /// What is new of topics that are compacted.
        var compacted: Set<String> = []
    }

    /// How often the ends of the watched partitions are asked for.
    private static let interval = Duration.seconds(1)
    /// How long one question may take; brokers that are this slow are as good as away.
    private static let patience = Duration.seconds(10)
    /// How long all leaders together may take to say where partitions begin or end, and then each of them.
    private static let patienceWithAll = Duration.seconds(2)
    private static let patienceWithLeader = Duration.seconds(5)
    /// How often leaders that did not answer are asked for ends.
    private static let silenceInterval = Duration.seconds(10)
    /// For how long a partition may have no leader, as while one is elected, before that counts as a refusal.
    private static let election = Duration.seconds(15)

    private let shared: SharedInspectionClient
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    init(_ shared: SharedInspectionClient) { self.shared = shared }

    /// - Returns: 0, or the `errno` value that says why the system gave no thread.
    func start() -> Int32 {
        startThread { [self] in Work(self).run() }
    }

    /// Waits for nothing.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// Each is answered once it can be, and as `refused` now and then until then.
    func ask(_ questions: [Question]) {
        guard !questions.isEmpty else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            for question in questions { state.questions[question] = now }
        }
        wake.signal()
    }

    /// The partitions whose questions are forgotten and whose ends are looked at from now on.
    func watch(_ partitions: [TopicPartition], asking questions: Set<Question>) {
        state.withLock { state in
            state.watched = partitions
            state.questions = state.questions.filter { questions.contains($0.key) }
        }
    }

    /// What came since the last time.
    func takeAnswers() -> [Answer] {
        state.withLock { state in
            guard !state.answers.isEmpty else { return [] }
            defer { state.answers = [] }
            return state.answers
        }
    }

    /// Where logs end, as far as they may be read; `nil` when there is nothing new.
    func takeEnds() -> [TopicPartition: Int64]? {
        state.withLock { state in
            defer { state.ends = nil }
            return state.ends
        }
    }

    /// Topics that were found to be compacted.
    func takeCompacted() -> Set<String> {
        state.withLock { state in
            guard !state.compacted.isEmpty else { return [] }
            defer { state.compacted = [] }
            return state.compacted
        }
    }

    /// What the thread holds.
    ///
    /// Thread: its own.
    private struct Work: ~Copyable {
        private let watcher: OffsetWatcher
        /// Held for as long as the thread lives.
        private var client: InspectionClient?
        private var backoff = Backoff(baseMilliseconds: 100, maximumMilliseconds: 2_000)
        /// Who leads partitions, as of the last time that a question failed, and which of them did not answer it.
        private var leaders: [TopicPartition: Int32] = [:]
        private var silent: Set<Int32> = []
        /// When any leader last said where a partition begins or ends.
        private var lastAnswer: ContinuousClock.Instant?
        /// Topics of which it was asked whether they are compacted.
        private var described: Set<String> = []

        init(_ watcher: OffsetWatcher) { self.watcher = watcher }

        consuming func run() {
            var nextLook = ContinuousClock.now
            var nextLookAtSilent = ContinuousClock.now
            var nextTry = ContinuousClock.now
            connect()
            while true {
                let (isStopped, questions, watched) = watcher.state.withLock { ($0.isStopped, $0.questions, $0.watched) }
                guard !isStopped else { return }
                let now = ContinuousClock.now
                if !questions.isEmpty, now >= nextTry {
                    // Those who answer first: the others take their time.
                    let slow = questions.filter { isLeaderSilent($0.key.partition) }
                    let isAnswered = answer(questions.filter { slow[$0.key] == nil })
                    if answer(slow), isAnswered {
                        backoff.reset()
                    } else {
                        nextTry = .now + .milliseconds(backoff.next { .random(in: 0..<1) })
                    }
                    continue
                }
                if !watched.isEmpty, now >= nextLook {
                    lookAtEnds(of: watched.filter { !isLeaderSilent($0) })
                    if now >= nextLookAtSilent {
                        lookAtEnds(of: watched.filter { isLeaderSilent($0) })
                        nextLookAtSilent = .now + OffsetWatcher.silenceInterval
                    }
                    describe(Set(watched.map(\.topic)))
                    nextLook = .now + OffsetWatcher.interval
                    continue
                }
                let next = questions.isEmpty ? nextLook : min(nextLook, nextTry)
                let wait = max(10, min(1_000, Int((next - now).wholeMilliseconds)))
                _ = watcher.wake.wait(timeout: .now() + .milliseconds(wait))
            }
        }

        private mutating func connect() {
            client = client ?? watcher.shared.get()
        }

        // MARK: Where reading begins

        /// What brokers refuse is told, and what lasts; while none of them answers at all, which the consumer notices by
        /// itself, nothing is.
        /// - Returns: whether all of them are answered.
        private mutating func answer(_ asked: [Question: ContinuousClock.Instant]) -> Bool {
            guard !asked.isEmpty else { return true }
            connect()
            guard let client else { return false }
            let questions = Array(asked.keys)
            let partitions = questions.map(\.partition)
            let deadline = ContinuousClock.now + OffsetWatcher.patience
            let (committed, refusals) = client.committed(partitions, until: deadline)
            var topics: Set<String> = []
            for partition in partitions where committed[partition] == .some(nil) { topics.insert(partition.topic) }
            var known = Set(committed.filter { $0.value != nil }.map(\.key.topic))
            if !topics.isEmpty {
                // Decides whether they are new, added, or the group's first.
                guard let rest = others(of: topics, without: Set(partitions), client, until: deadline) else { return false }
                let (more, problems) = client.committed(rest, until: deadline)
                guard problems.isEmpty else { return false }
                known.formUnion(more.filter { $0.value != nil }.map(\.key.topic))
            }
            let readable = partitions.filter { committed[$0] != nil }
            let (lows, lowProblems) = offsets(KafkaOffset.beginning, readable, client)
            // Whose leader is silent now would be asked in vain a second time.
            let (ends, endProblems) = offsets(KafkaOffset.end, readable.filter { lows[$0] != nil }, client)
            // It makes a difference to what is told of them now.
            describe(Set(readable.filter { (committed[$0] ?? nil) ?? .max < lows[$0] ?? 0 }.map(\.topic)))
            let isAnsweredAtAll = lastAnswer.map { .now - $0 < OffsetWatcher.election } ?? false
            let answers = questions.compactMap { question -> Answer? in
                let partition = question.partition
                guard let committed = committed[partition], let low = lows[partition], let end = ends[partition] else {
                    let problem = refusals[partition] ?? lowProblems[partition] ?? endProblems[partition]
                    guard let problem else { return nil }
                    let lasts = asked[question].map { .now - $0 >= OffsetWatcher.election } ?? false
                    guard problem.isRefusal || (isAnsweredAtAll && lasts) else { return nil }
                    return Answer(question: question, outcome: .refused(problem.description))
                }
                return Answer(
                    question: question,
                    outcome: .found(
                        .init(
                            committed: committed, topicHasPositions: known.contains(partition.topic), low: low,
                            end: max(low, end))))
            }
            var found: Set<Question> = []
            for answer in answers { if case .found = answer.outcome { found.insert(answer.question) } }
            watcher.state.withLock { state in
                // Those that were taken back meanwhile are not ours to answer.
                state.answers += answers.filter { state.questions[$0.question] != nil }
                for question in found { state.questions[question] = nil }
            }
            return found.count == questions.count
        }

        /// All partitions of these topics but some; `nil` when no broker says.
        private func others(
            of topics: Set<String>, without asked: Set<TopicPartition>, _ client: InspectionClient,
            until deadline: ContinuousClock.Instant
        ) -> [TopicPartition]? {
            guard let listing = try? client.listing(of: topics.sorted(), until: deadline) else { return nil }
            var counts: [String: Int] = [:]
            for topic in listing.topics where topic.problem == nil { counts[topic.name] = topic.partitionCount }
            return topics.flatMap { topic in
                (0..<Int32(clamping: counts[topic] ?? 0)).map { TopicPartition(topic: topic, number: $0) }
            }.filter { !asked.contains($0) }
        }

        /// Finds out once whether topics are compacted.
        private mutating func describe(_ topics: Set<String>) {
            let new = topics.subtracting(described)
            guard !new.isEmpty, let client else { return }
            described.formUnion(new)
            let compacted = client.compacted(new.sorted(), until: .now + .seconds(2))
            watcher.state.withLock { $0.compacted.formUnion(compacted) }
        }

        // MARK: Asking those who lead

        /// The absolute offsets of the beginning or the end, of all whose leaders answer.
        ///
        /// All at once, since librdkafka asks the leaders side by side; but it gives no answer at all when one of them gives
        /// none. Then each leader is asked by itself, so that one broker that hangs costs its own partitions and no others.
        private mutating func offsets(
            _ logical: Int64, _ partitions: [TopicPartition], _ client: InspectionClient
        ) -> (offsets: [TopicPartition: Int64], problems: [TopicPartition: KafkaErrorCode]) {
            guard !partitions.isEmpty else { return ([:], [:]) }
            if !partitions.contains(where: { isLeaderSilent($0) }) {
                let answer = client.offsets(logical, partitions, until: .now + OffsetWatcher.patienceWithAll)
                if !answer.offsets.isEmpty { lastAnswer = .now }
                if answer.offsets.count == partitions.count { return answer }
            }
            // Also makes librdkafka ask those who lead the partitions now: it keeps that for a quarter of an hour
            // (`metadata.max.age.ms`), and when a broker answers that it no longer does, only topics that the client reads or
            // writes are asked for again, and this one does neither.
            let end = ContinuousClock.now + OffsetWatcher.patience
            let topics = Set(partitions.map(\.topic)).sorted()
            guard let listed = try? client.listing(of: topics, until: .now + OffsetWatcher.patienceWithAll, wantsLeaders: true) else {
                return ([:], [:])
            }
            leaders = listed.leaders
            silent.formIntersection(listed.brokers.map(\.id))
            let groups = Dictionary(grouping: partitions) { leaders[$0] ?? -1 }
            var (offsets, problems): ([TopicPartition: Int64], [TopicPartition: KafkaErrorCode]) = ([:], [:])
            for leader in groups.keys.sorted(by: { (silent.contains($0) ? 1 : 0, $0) < (silent.contains($1) ? 1 : 0, $1) }) {
                let group = groups[leader] ?? []
                guard leader >= 0 else {
                    for partition in group { problems[partition] = KafkaErrorCode(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) }
                    continue
                }
                // Those that are not reached in time are not answered for, and asked in the next round.
                guard .now < end else { break }
                let answer = client.offsets(logical, group, until: min(end, .now + OffsetWatcher.patienceWithLeader))
                offsets.merge(answer.offsets) { $1 }
                problems.merge(answer.problems) { $1 }
                if answer.offsets.isEmpty {
                    silent.insert(leader)
                } else {
                    silent.remove(leader)
                    lastAnswer = .now
                }
            }
            return (offsets, problems)
        }

        private func isLeaderSilent(_ partition: TopicPartition) -> Bool {
            leaders[partition].map(silent.contains) ?? false
        }

        // MARK: Where logs end

        private mutating func lookAtEnds(of partitions: [TopicPartition]) {
            guard !partitions.isEmpty else { return }
            connect()
            guard let client else { return }
            let (ends, _) = offsets(KafkaOffset.end, partitions, client)
            guard !ends.isEmpty else { return }
            watcher.state.withLock { state in
                if state.ends == nil { state.ends = ends } else { state.ends?.merge(ends) { $1 } }
            }
        }
    }
}

extension KafkaErrorCode {
    /// Whether asking again soon is likely to be in vain: not while leaders and coordinators are being elected or can't be
    /// reached.
    fileprivate var isRefusal: Bool {
        switch native {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
            RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
            false
        default: rawValue > 0
        }
    }
}
