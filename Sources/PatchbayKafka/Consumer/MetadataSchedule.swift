/// When the brokers are asked what topics there are, and what of the answer is news.
///
/// Soon after anything changed, and ever more rarely while nothing does. One question at a time; the answer to one that was given
/// up is left out.
///
/// Pure.
struct MetadataSchedule {
    struct Intervals: Equatable, Sendable {
        /// After a change, an error, a rebalance, a reload, and for as long as a topic that is subscribed by its name doesn't exist.
        var quick = Duration.seconds(10)
        /// Doubled up to this while nothing changes.
        var slow = Duration.seconds(60)
    }

    /// While no broker answers.
    static let retry = Duration.seconds(1)
    /// While brokers answer and connections to some of them fail.
    static let doubtful = Duration.seconds(5)
    /// However often something happens.
    static let pause = Duration.milliseconds(200)

    private let intervals: Intervals
    /// Between the last answer and the next question; `nil` when something happened since.
    private var interval: Duration?
    private var next: ContinuousClock.Instant
    private var lastAsked: ContinuousClock.Instant?
    private var lastNumber: UInt64 = 0
    /// The question that is not answered yet.
    private var underWay: UInt64?
    /// Whether something happened since it was asked.
    private var isWanted = false
    /// Number of partitions by name, of subscribed topics, as last told.
    private var known: [String: Int]?

    init(_ intervals: Intervals = Intervals(), at now: ContinuousClock.Instant) {
        self.intervals = intervals
        next = now
    }

    /// A client is new, or is told what to subscribe to: it finds out by itself what there is, so that the next answer is no news.
    mutating func beginAgain(at now: ContinuousClock.Instant) {
        known = nil
        askAtOnce(at: now)
    }

    /// Something happened whose consequences the brokers may know.
    mutating func askSoon(at now: ContinuousClock.Instant) {
        interval = nil
        isWanted = underWay != nil
        next = min(next, max(now, lastAsked.map { $0 + Self.pause } ?? now))
    }

    /// A connection to a broker failed; whether brokers answer is to be known before long.
    mutating func connectionFailed(at now: ContinuousClock.Instant) {
        next = min(next, max(now, lastAsked.map { $0 + Self.doubtful } ?? now))
    }

    /// An answer that is still to come isn't waited for, since it may be older than what is to be known.
    mutating func askAtOnce(at now: ContinuousClock.Instant) {
        interval = nil
        underWay = nil
        next = now
    }

    func isDue(at now: ContinuousClock.Instant) -> Bool { underWay == nil && now >= next }

    /// - Returns: the question's number.
    mutating func asked(at now: ContinuousClock.Instant) -> UInt64 {
        lastNumber &+= 1
        underWay = lastNumber
        lastAsked = now
        isWanted = false
        return lastNumber
    }

    func isAwaited(_ number: UInt64) -> Bool { underWay == number }

    /// - Parameters:
    ///   - counts: number of partitions by name, of subscribed topics.
    ///   - isMissing: whether a topic that is looked for doesn't exist.
    /// - Returns: whether that is another answer than the last.
    mutating func answered(_ counts: [String: Int], isMissing: Bool, at now: ContinuousClock.Instant) -> Bool {
        underWay = nil
        let isNews = known.map { $0 != counts } ?? false
        known = counts
        var pause = intervals.quick
        if let interval, !isNews, !isMissing { pause = min(interval * 2, intervals.slow) }
        next = isWanted ? max(now, lastAsked.map { $0 + Self.pause } ?? now) : now + pause
        interval = isWanted ? nil : pause
        isWanted = false
        return isNews
    }

    mutating func askedInVain(at now: ContinuousClock.Instant) {
        underWay = nil
        interval = nil
        isWanted = false
        next = now + Self.retry
    }
}
