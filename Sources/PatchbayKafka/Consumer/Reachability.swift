/// Whether any broker can be reached.
///
/// librdkafka reports when the last broker that it is connected to goes away, though others may be there, and not when one
/// comes back; so both are asked for.
struct Reachability {
    /// False until a broker answered, and after all went down and none of them answered a question.
    private(set) var isReachable = false
    /// Whether `isReachable` rests on anything yet.
    private(set) var isKnown = false
    private var downSince: ContinuousClock.Instant?
    /// All brokers are said to be down, for this reason; that is to be asked.
    private var suspicion: String?

    /// Whether all brokers are said to be down, and were not asked yet.
    var isInDoubt: Bool { suspicion != nil }

    /// All brokers are said to be down.
    /// - Parameter reason: why, for the log.
    /// - Returns: whether brokers are to be asked.
    mutating func suspect(_ reason: String, at now: ContinuousClock.Instant) -> Bool {
        guard isReachable || !isKnown, suspicion == nil else { return false }
        suspicion = reason
        downSince = now
        return true
    }

    /// - Returns: how long all brokers were away, if that had turned out so.
    mutating func answered(at now: ContinuousClock.Instant) -> Duration? {
        let wasSuspected = suspicion != nil
        suspicion = nil
        defer { downSince = nil }
        isReachable = true
        isKnown = true
        return wasSuspected ? nil : downSince.map { now - $0 }
    }

    /// - Parameter problem: why no connection to some broker can be made, if so. The word that all are down may have come and been
    ///   refuted by an answer that was already on its way, and comes only once; so this is reason enough to ask once more.
    /// - Returns: why no broker can be reached, when that is news.
    mutating func askedInVain(problem: String?, at now: ContinuousClock.Instant) -> String? {
        guard let reason = suspicion else {
            if let problem { _ = suspect(problem, at: now) }
            return nil
        }
        suspicion = nil
        isReachable = false
        isKnown = true
        return reason
    }
}
