import Logging
import PatchbayAPI
import Synchronization

/// One consumer of one group on one OS thread: polls, hands batches to its processor, stores offsets for commit.
///
/// Everything between a poll and the storing of offsets runs on that thread without a hand-over. Offsets are stored
/// once per partition and batch, after the processor returned: at least once, and exactly once across a clean stop.
///
/// Stop it before letting go of it: a consumer that vanishes without `stop()` holds its partitions until the group's
/// session times out.
///
/// Thread: any; `RecordProcessor` runs on the consumer thread.
public final class ConsumerThread: Sendable {
    private let control = ConsumerControl()
    private let configuration: ConsumerConfiguration
    private let logger: Logger
    private let makeProcessor: @Sendable () -> any RecordProcessor

    /// - Parameter makeProcessor: called once, on the consumer thread.
    public init(
        configuration: ConsumerConfiguration,
        logger: Logger,
        makeProcessor: @escaping @Sendable () -> any RecordProcessor
    ) {
        self.configuration = configuration
        self.logger = logger
        self.makeProcessor = makeProcessor
        control.status.withLock { status in
            status.topics = configuration.topics.filter { !$0.hasPrefix("^") }.map(TopicStatus.init(topic:))
        }
    }

    /// Starts the thread; later calls do nothing. Brokers needn't be there yet, and nothing is thrown: whatever keeps
    /// the consumer from working is in `status`, is logged, and is tried again.
    public func start() {
        guard control.begin() else { return }
        let control = control
        let configuration = configuration
        let logger = logger
        let makeProcessor = makeProcessor
        let result = startThread {
            let loop = ConsumerLoop(
                configuration: configuration, control: control, logger: logger, processor: makeProcessor())
            loop.run()
            control.finish()
        }
        if result != 0 {
            let message = "could not start the Kafka consumer's thread (errno \(result)); has a limit on threads been reached?"
            logger.error("\(message)")
            control.status.withLock {
                $0.state = .failed
                $0.lastError = .init(message: message, atMilliseconds: wallClockMilliseconds())
            }
            control.finish()
        }
    }

    /// Stops polling, commits what was processed, leaves the group and frees the consumer. Safe to call more than
    /// once and from several tasks; each returns when the thread has ended.
    ///
    /// Takes as long as the batch in hand, plus at most about 5 seconds when brokers don't answer. Should the
    /// processor hang, it returns after 10 seconds all the same and says so in the log. Freeing librdkafka's client goes
    /// on in the background where that takes longer.
    public func stop() async {
        let control = control
        let watchdog = Task {
            try await Task.sleep(for: .seconds(10))
            control.giveUpWaiting()
        }
        let finished = await control.stop()
        watchdog.cancel()
        if !finished {
            if status.isProcessing {
                logger.error(
                    "the Kafka consumer thread did not end within 10 s: a batch is still being processed, and its records will be read again"
                )
            } else {
                logger.warning(
                    status.isCommitted
                        ? "the Kafka consumer thread did not end within 10 s; what it processed is committed"
                        : "the Kafka consumer thread did not end within 10 s; the records since its last commit will be read again",
                    metadata: ["commit_problem": "\(status.commitProblem ?? "none")"])
            }
        }
    }

    /// Replaces the subscription at the next batch boundary, and has halted topics that stay subscribed go on.
    ///
    /// Partitions that stay subscribed keep their position. Those of a topic that comes back go on where they were left.
    public func updateTopics(_ topics: [String]) { control.requestTopics(topics) }

    /// Has halted topics go on, at the next batch boundary, at the first record that the processor didn't take.
    public func resumeHalted() { control.requestResumption() }

    /// At most about 100 ms old; up to date once `stop()` has returned.
    public var status: ConsumerStatus { control.status.withLock { $0 } }
}
