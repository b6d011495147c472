/// Whether any broker can be reached, and when to ask.
///
/// librdkafka reports when the last broker goes away but not when one comes back, so that is asked for.
struct Reachability {
    /// False until a broker answered, and after all went down.
    private(set) var isReachable = false
    /// Whether `isReachable` rests on anything yet.
    private(set) var isKnown = false
    /// Set when the answer would bring something new, such as the partition count after an assignment.
    var wantsMetadata = true
    private var downSince: ContinuousClock.Instant?
    private var nextQuestion = ContinuousClock.now

    /// - Returns: whether this is news.
    mutating func wentDown(at now: ContinuousClock.Instant) -> Bool {
        let isNews = isReachable || !isKnown
        isReachable = false
        isKnown = true
        if isNews { downSince = now }
        nextQuestion = now
        return isNews
    }

    /// - Returns: how long all brokers were away, if they were.
    mutating func answered(at now: ContinuousClock.Instant) -> Duration? {
        defer { downSince = nil }
        isReachable = true
        isKnown = true
        wantsMetadata = false
        nextQuestion = now + .seconds(60)
        return downSince.map { now - $0 }
    }

    mutating func askedInVain(at now: ContinuousClock.Instant) { nextQuestion = now + .seconds(1) }

    /// Asking blocks for a round trip, so it happens while idle, except when the answer is needed.
    func shouldAsk(at now: ContinuousClock.Instant, isIdle: Bool) -> Bool {
        if wantsMetadata, isReachable { return now >= nextQuestion || isIdle }
        return isIdle && now >= nextQuestion
    }
}
