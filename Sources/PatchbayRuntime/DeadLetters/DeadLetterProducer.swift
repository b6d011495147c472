import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayKafka
import Synchronization

/// Writes refused records to dead-letter topics of their cluster: the record as it was, with the reason in headers whose
/// names begin with `patchbay.`.
///
/// librdkafka tries each letter until the brokers take it, until they refuse it for good, or until
/// `kafka.dead_letter_timeout` has passed; its one delivery report decides what the letter counts as. After an error that ends
/// a producer for good, its letters go to another one, once.
///
/// Thread: consumer. The client is made with the first letter, so that clusters without any have none.
final class DeadLetterProducer: DeadLetterWriter {
    /// One letter, until its fate is decided.
    private struct Letter: Sendable {
        var topic: String
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [(name: String, value: [UInt8]?)]
        var report: RejectedRecord
        var decided: @Sendable (DeadLetterFate) -> Void
        /// How many producers that took it failed for good.
        var failures = 0
    }

    /// Letters that a closed producer gave back. Filled by delivery reports, on librdkafka's background thread.
    private final class Returns: Sendable {
        private let letters = Mutex<[Letter]>([])

        func add(_ letter: Letter) { letters.withLock { $0.append(letter) } }

        func take() -> [Letter] {
            letters.withLock { letters in
                defer { letters = [] }
                return letters
            }
        }
    }

    /// What was lost and not logged yet. Filled by delivery reports, on librdkafka's background thread.
    private final class Losses: Sendable {
        struct Sum {
            var count = 0
            var error = ""
            var first: RejectedRecord?
        }

        let sum = Mutex(Sum())

        func add(_ report: RejectedRecord, because error: String) {
            sum.withLock { sum in
                sum.count += 1
                sum.error = error
                if sum.first == nil { sum.first = report }
            }
        }
    }

    private let settings: KafkaSettings
    private let logger: Logger
    private let losses = Losses()
    private let returns = Returns()
    private var producer: Producer?
    /// Letters that librdkafka's queue had no room for, in order. Some ten thousand and a batch for each topic at the most,
    /// since topics with more letters under way are paused.
    private var backlog: [Letter] = []
    /// Records that this very route had refused before, since that was last logged.
    private var returned = 0
    /// One of them.
    private var firstReturned: RejectedRecord?

    init(settings: KafkaSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    deinit {
        // What is under way is withdrawn: its records were not committed and come again.
        producer?.close(timeoutMilliseconds: 0)
        for letter in backlog + returns.take() { letter.decided(.withdrawn) }
        logLosses()
    }

    func write(
        _ record: Record, refused report: RejectedRecord, to topic: String, decided: @escaping @Sendable (DeadLetterFate) -> Void
    ) {
        var headers: [(name: String, value: [UInt8]?)] = []
        record.headers.forEach { name, value in headers.append((name, value.map { Array($0) })) }
        // A loop through other processes, which no check of a file can see, would go on for ever.
        if headers.contains(where: { $0.name == DeadLetterHeader.route && $0.value?.elementsEqual(report.route.utf8) == true }) {
            returned += 1
            firstReturned = firstReturned ?? report
            return decided(.lost)
        }
        headers += [
            (DeadLetterHeader.route, Array(report.route.utf8)), (DeadLetterHeader.topic, Array(report.topic.utf8)),
            (DeadLetterHeader.partition, Array("\(report.partition)".utf8)),
            (DeadLetterHeader.offset, Array("\(report.recordOffset)".utf8)),
            (DeadLetterHeader.timestamp, Array("\(record.timestampMilliseconds)".utf8)),
            (DeadLetterHeader.code, Array(report.rejection.code.utf8)),
            (DeadLetterHeader.explanation, Array(report.rejection.explanation.utf8)),
        ]
        if let field = report.rejection.field { headers.append((DeadLetterHeader.field, Array(field.utf8))) }
        let letter = Letter(
            topic: topic, key: record.key.map { Array($0) }, value: record.value.map { Array($0) }, headers: headers,
            report: report, decided: decided)
        // In the order of the records.
        guard backlog.isEmpty, offer(letter) else { return backlog.append(letter) }
    }

    func tend() {
        if let reason = producer?.fatalError { replaceProducer(because: reason) }
        while !backlog.isEmpty {
            let letter = backlog.removeFirst()
            guard !offer(letter) else { continue }
            backlog.insert(letter, at: 0)
            break
        }
        logLosses()
    }

    func obstacle(since instant: ContinuousClock.Instant) -> String? { producer?.trouble(since: instant) }

    /// Lets go of a producer that will send nothing any more. Its letters come first with the next one; a letter that this
    /// happens to a second time is lost: the reason isn't one that passes.
    private func replaceProducer(because reason: String) {
        // What is queued is given back at once.
        producer?.close(timeoutMilliseconds: 0)
        producer = nil
        var again: [Letter] = []
        for var letter in returns.take() {
            letter.failures += 1
            if letter.failures < Self.mostFailures { again.append(letter) } else { lose(letter, because: reason) }
        }
        backlog = again + backlog
    }

    /// Producers that may fail under one letter.
    private static let mostFailures = 2

    private func lose(_ letter: Letter, because reason: String) {
        losses.add(letter.report, because: reason)
        letter.decided(.lost)
    }

    /// - Returns: `false` when there is no room for it now.
    private func offer(_ letter: Letter) -> Bool {
        let (losses, returns, limit) = (losses, returns, ReadableTime.exactly(milliseconds: Int64(settings.deadLetterTimeout)))
        do throws(KafkaError) {
            try client().produce(topic: letter.topic, key: letter.key, value: letter.value, headers: letter.headers) { error in
                switch error?.kind {
                case nil: return letter.decided(.written)
                case .closed: return returns.add(letter)
                case .timedOut:
                    losses.add(letter.report, because: "the brokers did not accept it within kafka.dead_letter_timeout (\(limit))")
                default: losses.add(letter.report, because: error?.message ?? "")
                }
                letter.decided(.lost)
            }
        } catch {
            if error.kind == .queueFull { return false }
            guard error.isFatal else {
                lose(letter, because: error.message)
                return true
            }
            // It was never in the queue of this one. The next takes it behind those that were.
            backlog.insert(letter, at: 0)
            replaceProducer(because: producer?.fatalError ?? error.message)
        }
        return true
    }

    private func logLosses() {
        if returned > 0, let first = firstReturned {
            logger.error(
                "a refused record came back from a dead-letter topic; it is not written again and is lost",
                metadata: [
                    "records": "\(returned)", "route": "\(first.route)", "topic": "\(first.topic)",
                    "partition": "\(first.partition)", "record_offset": "\(first.recordOffset)",
                ])
            (returned, firstReturned) = (0, nil)
        }
        let sum = losses.sum.withLock { sum in
            defer { sum = Losses.Sum() }
            return sum
        }
        guard sum.count > 0, let first = sum.first else { return }
        logger.error(
            "refused records were not accepted by the dead-letter topic and are lost",
            metadata: [
                "records": "\(sum.count)", "cluster": "\(settings.name)", "error": "\(sum.error)", "route": "\(first.route)",
                "topic": "\(first.topic)", "partition": "\(first.partition)", "record_offset": "\(first.recordOffset)",
            ])
    }

    private func client() throws(KafkaError) -> Producer {
        if let producer { return producer }
        let given = settings.producerProperties
        let made = try Producer(
            brokers: settings.brokers,
            properties: Self.defaults.filter { added in !given.contains { $0.name == added.name } } + given
                // Last: one letter's fate is this setting's, whatever else the file says to librdkafka. 0: for ever.
                + [("message.timeout.ms", "\(settings.deadLetterTimeout)")],
            logger: logger)
        producer = made
        return made
    }

    /// Where the file says nothing else.
    private static let defaults: [(name: String, value: String)] = [
        // After this long a topic that the brokers don't know counts as missing; by default 30 s. Brokers that create
        // topics when they are asked for need a moment.
        ("topic.metadata.propagation.max.ms", "3000"),
        // How soon a topic that was missing is found.
        ("topic.metadata.refresh.interval.ms", "10000"),
    ]
}
