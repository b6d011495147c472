import Dispatch
import PatchbayAPI
import Synchronization

/// Asks the brokers what topics there are, so that the consumer thread needn't wait for the answer. That any broker answers is
/// news as well.
///
/// It asks with the client of the offset watcher, whose connections carry no records: an answer of megabytes holds none up.
///
/// Thread: any. Call `stop` before letting go of it.
final class TopicWatcher: Sendable {
    struct Question: Sendable {
        var number: UInt64
        /// Names and patterns.
        var subscribed: [String]
        /// Topics that are looked for besides.
        var others: Set<String>
        /// Whether it matters what else there is.
        var wantsAll: Bool
        var patience: Duration

        /// What is asked for by name; `nil` for all topics: patterns may match any. With no names, librdkafka asks for all as well.
        var names: [String]? {
            guard !wantsAll, !subscribed.contains(where: { $0.hasPrefix("^") }) else { return nil }
            let names = others.union(subscribed)
            return names.isEmpty ? nil : names.sorted()
        }
    }

    struct Answer: Sendable {
        var brokerCount: Int
        /// Number of partitions by name, of those that are subscribed or looked for.
        var counts: [String: Int]
        /// Those of them that are there, also when something is wrong with them.
        var present: Set<String>
        /// Of all topics of the cluster, where that was asked for.
        var all: [String: Int]?
    }

    private struct State {
        var isStopped = false
        var question: Question?
        var answer: (question: Question, answer: Answer?)?
    }

    private let client: SharedInspectionClient
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let answered = DispatchSemaphore(value: 0)

    init(_ client: SharedInspectionClient) { self.client = client }

    /// - Returns: 0, or the `errno` value that says why the system gave no thread.
    func start() -> Int32 {
        startThread { [self] in run() }
    }

    /// Waits for nothing.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// Replaces a question that was not begun yet.
    func ask(_ question: Question) {
        state.withLock { $0.question = question }
        wake.signal()
    }

    /// What came since the last time, if anything; with no answer when no broker gave one in time.
    func takeAnswer() -> (question: Question, answer: Answer?)? {
        state.withLock { state in
            defer { state.answer = nil }
            return state.answer
        }
    }

    /// Blocks until there is an answer to take to the question with this number.
    func awaitAnswer(_ number: UInt64, until deadline: ContinuousClock.Instant) {
        while state.withLock({ $0.answer?.question.number != number }) {
            let rest = (deadline - .now).wholeMilliseconds
            guard rest > 0 else { return }
            _ = answered.wait(timeout: .now() + .milliseconds(Int(rest)))
        }
    }

    // MARK: Its own thread

    private func run() {
        // Held for as long as this thread lives.
        var client: InspectionClient?
        var patterns: [String: TopicPattern] = [:]
        while true {
            let (isStopped, question) = state.withLock { state in
                defer { state.question = nil }
                return (state.isStopped, state.question)
            }
            guard !isStopped else { return }
            guard let question else {
                wake.wait()
                continue
            }
            client = client ?? self.client.get()
            let answer = client.flatMap { Self.answer(question, $0, &patterns) }
            state.withLock { $0.answer = (question, answer) }
            answered.signal()
        }
    }

    private static func answer(
        _ question: Question, _ client: InspectionClient, _ patterns: inout [String: TopicPattern]
    ) -> Answer? {
        let names = question.names
        guard let listing = try? client.listing(of: names, until: .now + question.patience) else { return nil }
        let wanted = question.others.union(question.subscribed)
        var expressions: [TopicPattern] = []
        for text in question.subscribed where text.hasPrefix("^") {
            if patterns[text] == nil { patterns[text] = try? TopicPattern(text) }
            if let pattern = patterns[text] { expressions.append(pattern) }
        }
        patterns = patterns.filter { question.subscribed.contains($0.key) }
        var answer = Answer(brokerCount: listing.brokerCount, counts: [:], present: [], all: names == nil ? [:] : nil)
        for topic in listing.topics {
            if topic.problem == nil { answer.all?[topic.name] = topic.partitionCount }
            guard wanted.contains(topic.name) || expressions.contains(where: { $0.matches(topic.name) }) else { continue }
            answer.present.insert(topic.name)
            if topic.problem == nil { answer.counts[topic.name] = topic.partitionCount }
        }
        return answer
    }
}
