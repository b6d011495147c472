/// Whether any broker can be reached, and when to ask.
///
/// librdkafka reports when the last broker that it is connected to goes away, though others may be there, and not when one
/// comes back; so both are asked for.
struct Reachability {
    /// False until a broker answered, and after all went down and none of them answered a question.
    private(set) var isReachable = false
    /// Whether `isReachable` rests on anything yet.
    private(set) var isKnown = false
    /// Set when the answer would bring something new, such as the partition count after an assignment.
    var wantsMetadata = true
    private var downSince: ContinuousClock.Instant?
    /// All brokers are said to be down, for this reason; that is to be asked.
    private var suspicion: String?
    private var nextQuestion = ContinuousClock.now

    /// Whether all brokers are said to be down, and were not asked yet.
    var isInDoubt: Bool { suspicion != nil }

    /// All brokers are said to be down.
    /// - Parameter reason: why, for the log.
    mutating func suspect(_ reason: String, at now: ContinuousClock.Instant) {
        guard isReachable || !isKnown, suspicion == nil else { return }
        suspicion = reason
        downSince = now
        nextQuestion = now
    }

    /// - Returns: how long all brokers were away, if that had turned out so.
    mutating func answered(at now: ContinuousClock.Instant) -> Duration? {
        let wasSuspected = suspicion != nil
        suspicion = nil
        defer { downSince = nil }
        isReachable = true
        isKnown = true
        wantsMetadata = false
        nextQuestion = now + .seconds(60)
        return wasSuspected ? nil : downSince.map { now - $0 }
    }

    /// - Returns: why no broker can be reached, when that is news.
    mutating func askedInVain(at now: ContinuousClock.Instant) -> String? {
        nextQuestion = now + .seconds(1)
        guard let reason = suspicion else { return nil }
        suspicion = nil
        isReachable = false
        isKnown = true
        return reason
    }

    /// Asking blocks for a round trip, so it happens while idle, except when the answer is needed.
    func shouldAsk(at now: ContinuousClock.Instant, isIdle: Bool) -> Bool {
        if suspicion != nil { return now >= nextQuestion }
        if wantsMetadata, isReachable { return now >= nextQuestion || isIdle }
        return isIdle && now >= nextQuestion
    }
}
