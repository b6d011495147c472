import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import Synchronization

/// Produces the records of dead letters again, each once.
///
/// A record and the mark of its letter are written in one transaction, so that both are there or none. All replays of a topic
/// have one transactional identifier: one that begins ends all others, and then sees every mark that they have left.
///
/// Thread: one; blocks.
package final class DeadLetterReplay {
    package struct Outcome: Sendable {
        package var replayed: [ReplayPlan.Item] = []
        /// Letters that could not be replayed, and why.
        package var failed: [(item: ReplayPlan.Item, reason: String)] = []
        /// Letters that are gone since the plan was made, or were replayed by somebody else.
        package var gone = 0
        /// Whether it was told to stop before it was done.
        package var isStopped = false
    }

    /// Why a replay ended early.
    package struct Failure: Error {
        package let reason: String
    }

    /// Told from outside that enough is enough.
    package final class Stop: Sendable {
        private let isAsked = Atomic<Bool>(false)
        package init() {}
        package var isSet: Bool { isAsked.load(ordering: .relaxed) }
        package func set() { isAsked.store(true, ordering: .relaxed) }
    }

    private let topic: DeadLetterTopic
    private let reader: DeadLetterReader
    private let producer: Producer
    private let patience: Duration
    private let stop: Stop
    /// Letters a second; `nil` for as fast as it goes.
    private let rate: Int?
    private var begin = ContinuousClock.now
    private var outcome = Outcome()
    private var sent = 0
    private var batch: [(item: ReplayPlan.Item, letter: DeadLetter)] = []
    private var batchBytes = 0

    /// Most of a transaction.
    private static let (mostLetters, mostBytes) = (500, 4 << 20)
    /// A replay that is killed holds up those who read the topic's committed records for this long.
    private static let transactionTimeout = 10_000
    /// Settings that transactions depend on.
    private static let ours: Set<String> = [
        "transactional.id", "transaction.timeout.ms", "enable.idempotence", "enable.gapless.guarantee", "acks", "request.required.acks",
        "max.in.flight", "max.in.flight.requests.per.connection", "retries", "message.send.max.retries", "client.id",
    ]

    /// Connects to nothing yet.
    package init(
        _ topic: DeadLetterTopic, reader: DeadLetterReader, rate: Int?, patience: Duration, stop: Stop, logger: Logger
    ) throws(KafkaError) {
        self.topic = topic
        self.reader = reader
        self.rate = rate
        self.patience = patience
        self.stop = stop
        producer = try Producer(
            brokers: topic.settings.brokers,
            properties: topic.settings.producerProperties.filter { !Self.ours.contains($0.name) } + [
                ("client.id", "patchbay-replay"), ("transactional.id", Self.identifier(topic)),
                ("transaction.timeout.ms", "\(Self.transactionTimeout)"),
            ], logger: logger)
    }

    deinit { producer.close(timeoutMilliseconds: 0) }

    private static func identifier(_ topic: DeadLetterTopic) -> String { "patchbay-replay-\(topic.name)" }

    /// - Parameter progress: called after each transaction with how many letters are done.
    package func run(_ plan: ReplayPlan, progress: (Int) -> Void = { _ in }) throws -> Outcome {
        do throws(Producer.TransactionFailure) {
            try again { () throws(Producer.TransactionFailure) in
                try producer.prepareTransactions(timeoutMilliseconds: Int(patience.components.seconds) * 1000)
            }
        } catch {
            throw Failure(reason: "can't begin: \(sentence(error))")
        }
        var plan = plan
        try removeReplayed(since: &plan)
        begin = .now
        for (partition, items) in Dictionary(grouping: plan.items, by: \.position.partition).sorted(by: { $0.key < $1.key }) {
            try replay(items, of: partition, progress)
        }
        outcome.gone += plan.items.count - outcome.replayed.count - outcome.failed.count
        if outcome.isStopped { outcome.gone = 0 }
        return outcome
    }

    /// Leaves out what another replay has done since the plan was made. It can do no more now.
    private func removeReplayed(since plan: inout ReplayPlan) throws(KafkaError) {
        let known = plan.extent
        let new = try reader.extent().map { ($0.key, max($0.value.lowerBound, known[$0.key]?.upperBound ?? 0), $0.value.upperBound) }
        var marks: Set<DeadLetter.Position> = []
        let ranges = new.filter { $0.1 < $0.2 }.map { ($0.0, $0.1..<$0.2) }
        try reader.read(Dictionary(uniqueKeysWithValues: ranges)) { record in
            if let mark = ReplayMark(record) { marks.insert(mark.position) }
            return true
        }
        let count = plan.items.count
        plan.items.removeAll { marks.contains($0.position) }
        plan.replayedBefore += count - plan.items.count
        outcome.gone += count - plan.items.count
    }

    private func replay(_ items: [ReplayPlan.Item], of partition: Int32, _ progress: (Int) -> Void) throws {
        guard let first = items.first, let last = items.last, !outcome.isStopped else { return }
        let wanted = Dictionary(uniqueKeysWithValues: items.map { ($0.position.recordOffset, $0) })
        var failure: (any Error)?
        try reader.read([partition: first.position.recordOffset..<(last.position.recordOffset + 1)]) { record in
            guard let item = wanted[record.recordOffset], let letter = DeadLetter(record) else { return true }
            batch.append((item, letter))
            batchBytes += letter.valueSize
            guard isFull else { return true }
            do { try finish(progress) } catch { failure = error }
            return failure == nil && !outcome.isStopped
        }
        if let failure { throw failure }
        if !outcome.isStopped { try finish(progress) }
    }

    private var isFull: Bool {
        // Ten transactions a second at most where the rate is limited, so that letters come evenly.
        let most = rate.map { max(1, min(Self.mostLetters, $0 / 10)) } ?? Self.mostLetters
        return batch.count >= most || batchBytes >= Self.mostBytes
    }

    private func finish(_ progress: (Int) -> Void) throws {
        guard !batch.isEmpty else { return }
        awaitTurn()
        if stop.isSet {
            outcome.isStopped = true
            batch = []
            return
        }
        try send(batch)
        sent += batch.count
        batch = []
        batchBytes = 0
        progress(sent)
    }

    private func awaitTurn() {
        guard let rate else { return }
        let turn = begin + .seconds(Double(sent) / Double(rate))
        while .now < turn, !stop.isSet { Pause.milliseconds(Int(min(50, max(1, (turn - .now) / .milliseconds(1))))) }
    }

    /// All of them in one transaction; one by one when that fails for one of them.
    private func send(_ letters: [(item: ReplayPlan.Item, letter: DeadLetter)]) throws {
        do throws(Producer.TransactionFailure) {
            try producer.beginTransaction()
        } catch {
            throw Failure(reason: sentence(error))
        }
        let refusal: String
        do {
            var refused: [(item: ReplayPlan.Item, reason: String)] = []
            var accepted: [ReplayPlan.Item] = []
            for (item, letter) in letters {
                do throws(KafkaError) {
                    try produce(item, letter)
                } catch {
                    // Nothing of it is in the transaction.
                    refused.append((item, error.message))
                    continue
                }
                try mark(item)
                accepted.append(item)
            }
            try again { () throws(Producer.TransactionFailure) in
                try producer.commitTransaction(timeoutMilliseconds: Self.transactionTimeout)
            }
            outcome.replayed += accepted
            outcome.failed += refused
            return
        } catch let error as KafkaError {
            refusal = error.message
        } catch let error as Producer.TransactionFailure {
            guard error.consequence == .abort else { throw Failure(reason: sentence(error)) }
            refusal = producer.deliveries.lastError?.message ?? error.message
        }
        do throws(Producer.TransactionFailure) {
            try again { () throws(Producer.TransactionFailure) in
                try producer.abortTransaction(timeoutMilliseconds: Self.transactionTimeout)
            }
        } catch {
            throw Failure(reason: sentence(error))
        }
        if letters.count == 1 {
            outcome.failed.append((letters[0].item, refusal))
        } else {
            for letter in letters { try send([letter]) }
        }
    }

    private func produce(_ item: ReplayPlan.Item, _ letter: DeadLetter) throws(KafkaError) {
        let headers: [(name: String, value: [UInt8]?)] =
            letter.headers + [
                (DeadLetterHeader.Replay.topic, Array(topic.name.utf8)),
                (DeadLetterHeader.Replay.partition, Array("\(item.position.partition)".utf8)),
                (DeadLetterHeader.Replay.offset, Array("\(item.position.recordOffset)".utf8)),
                (DeadLetterHeader.Replay.timestamp, Array("\(letter.timestampMilliseconds)".utf8)),
            ]
        try producer.produce(
            topic: item.target, partition: item.partition, key: letter.key, value: letter.value, headers: headers,
            timestampMilliseconds: letter.origin.timestampMilliseconds)
    }

    private func mark(_ item: ReplayPlan.Item) throws(KafkaError) {
        try producer.produce(
            topic: topic.name, partition: item.position.partition, key: ReplayMark.key(of: item.position), value: nil,
            headers: ReplayMark.headers(of: item.position, to: item.target))
    }

    /// What may end well when it is asked for again, for as long as brokers may take.
    private func again(
        _ call: () throws(Producer.TransactionFailure) -> Void
    ) throws(Producer.TransactionFailure) {
        let deadline = ContinuousClock.now + patience
        while true {
            do throws(Producer.TransactionFailure) {
                return try call()
            } catch {
                guard error.consequence == .retry, .now < deadline else { throw error }
                Pause.milliseconds(100)
            }
        }
    }

    private func sentence(_ failure: Producer.TransactionFailure) -> String {
        switch failure.consequence {
        case .replaced: return "another replay of this topic has begun and this one stops: \(failure.message)"
        case .retry:
            let trouble = producer.trouble(since: .now - patience).map { "; \($0)" } ?? ""
            return "the brokers don't answer in time: \(failure.message)\(trouble)"
        case .abort, .end: return "\(failure.message) (transactional.id `\(Self.identifier(topic))`)"
        }
    }
}
