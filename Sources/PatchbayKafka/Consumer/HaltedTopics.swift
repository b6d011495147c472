/// Topics of which nothing more is read for now, why, and when they go on.
///
/// A topic is *halted* when the processor refused a record of it (`on_error: stop`, or no route takes it any more), until it is
/// told to go on. And a topic *waits* while dead letters of it are under way, or steps hold records of it: nothing is committed from
/// the first such record on. What brokers answer soon, and what is only held, costs nothing else, since reading goes on; when a
/// letter is late, or too many are under way, the topic is paused as well, and the thread goes on polling, so that it stays in the
/// group and other topics go on. The member that gets the partitions meanwhile, or after a crash, begins at the last committed
/// offset: records come twice rather than not at all. Both may be true of one topic; it is read again when neither is.
///
/// Pure: it is told what happened, and returns what has to be done, in order.
struct HaltedTopics {
    enum Action: Equatable {
        /// Have librdkafka fetch nothing more of the topic.
        case pause(String)
        /// Have it fetch again.
        case resume(String)
        /// Have each partition go back to its position, and say whether all did: `sentBack`, else `requestResumption`.
        case sendBack(String)
        case tellHalted(String, partition: Int32, recordOffset: Int64)
        case tellReadAgain(String)
        /// - Parameter suppressed: how often that happened since it was last told.
        case tellWaits(String, reason: String?, suppressed: Int)
        case tellWaitIsOver(String)
    }

    private enum Letters {
        case none
        /// The topic is still being read.
        case underWay
        case late
    }

    private struct State {
        var isHalted = false
        var letters = Letters.none

        var isPaused: Bool { isHalted || letters == .late }
    }

    /// At brokers that stay slow a topic is paused again and again.
    private struct Told {
        var limit = OncePerInterval(every: .seconds(60))
        /// Whether the log says that the topic is paused.
        var isOpen = false
    }

    /// Those of which something is true.
    private var states: [String: State] = [:]
    private var told: [String: Told] = [:]
    /// Whether halted topics are to go on before the next batch.
    private(set) var isResumptionRequested = false

    var isEmpty: Bool { states.isEmpty }

    /// Whether records of the topic are not to be handed out. While nothing is halted, which is nearly always, no look-up.
    func isHalted(_ topic: String) -> Bool { !states.isEmpty && states[topic]?.isHalted == true }

    /// Whether librdkafka was told to fetch nothing.
    func isPaused(_ topic: String) -> Bool { !states.isEmpty && states[topic]?.isPaused == true }

    /// Whether not everything that was taken may be committed.
    func isWaiting(_ topic: String) -> Bool { states[topic].map { $0.letters != .none } ?? false }

    /// Whether it waits for so long that it is paused.
    func isWaitLong(_ topic: String) -> Bool { states[topic]?.letters == .late }

    /// Topics that wait, by name.
    var waiting: [String] { states.lazy.filter { $0.value.letters != .none }.map(\.key).sorted() }

    /// Whether to wait in place, for a moment, for letters: not when some are late already, since brokers are slow then.
    var isWorthWaiting: Bool {
        var isAnyWaiting = false
        for state in states.values {
            if state.letters == .late { return false }
            if state.letters == .underWay { isAnyWaiting = true }
        }
        return isAnyWaiting
    }

    // MARK: What happened

    /// The processor didn't take this record.
    mutating func refused(_ topic: String, partition: Int32, recordOffset: Int64) -> [Action] {
        states[topic, default: State()].isHalted = true
        return [.pause(topic), .tellHalted(topic, partition: partition, recordOffset: recordOffset)]
    }

    /// Letters of records of this topic that were taken are under way.
    mutating func lettersUnderWay(_ topic: String) {
        guard !isWaiting(topic) else { return }
        states[topic, default: State()].letters = .underWay
    }

    /// They take too long, or are too many.
    /// - Parameter reason: what they are waited for.
    mutating func lettersLate(_ topic: String, reason: String?, at now: ContinuousClock.Instant) -> [Action] {
        guard states[topic]?.letters == .underWay else { return [] }
        states[topic]?.letters = .late
        guard let suppressed = told[topic, default: Told()].limit.admit(at: now) else { return [.pause(topic)] }
        told[topic]?.isOpen = true
        return [.pause(topic), .tellWaits(topic, reason: reason, suppressed: suppressed)]
    }

    /// The fate of all of them is known.
    mutating func lettersSettled(_ topic: String) -> [Action] {
        guard let state = states[topic], state.letters != .none else { return [] }
        states[topic] = state.isHalted ? State(isHalted: true) : nil
        guard state.letters == .late else { return [] }
        // One that is halted as well goes on when it is told to.
        var actions: [Action] = state.isHalted ? [] : [.resume(topic)]
        if told[topic]?.isOpen == true {
            told[topic]?.isOpen = false
            actions.append(.tellWaitIsOver(topic))
        }
        return actions
    }

    // MARK: Going on

    /// Halted topics are to go on, before the next batch.
    mutating func requestResumption() { isResumptionRequested = true }

    /// Halted topics that are still subscribed go on where they stand. The others are about to be given up, and would only be
    /// halted again.
    mutating func resume(subscribed: [String]) -> [Action] {
        guard isResumptionRequested else { return [] }
        isResumptionRequested = false
        let hasPatterns = subscribed.contains { $0.hasPrefix("^") }
        return states.lazy.filter { $0.value.isHalted && (hasPatterns || subscribed.contains($0.key)) }
            .map(\.key).sorted().map(Action.sendBack)
    }

    /// All partitions of the topic were sent back.
    mutating func sentBack(_ topic: String) -> [Action] {
        guard let state = states[topic], state.isHalted else { return [] }
        states[topic] = state.letters == .none ? nil : State(letters: state.letters)
        // One whose letters are late goes on when they are settled.
        return state.letters == .late ? [.tellReadAgain(topic)] : [.resume(topic), .tellReadAgain(topic)]
    }
}
