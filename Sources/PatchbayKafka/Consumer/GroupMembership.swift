import PatchbayAPI

/// Waiting for the consumer group: since when, what for, and what to do when it takes too long; and members that take this one's
/// place.
///
/// Pure.
struct GroupMembership {
    /// Joining normally takes seconds; after this it is worth a line.
    static let joinsSlowlyAfter = Duration.seconds(15)
    /// After this long without being fenced, a conflict of identities is over.
    static let conflictLastsFor = Duration.seconds(180)

    enum Action: Equatable {
        case tellSlow(Duration)
        /// The group has not answered for so long that a new client is to ask.
        case askWithNewClient(Duration)
    }

    /// What is known of one topic when the group doesn't answer.
    struct KnownTopic: Equatable {
        var name: String
        var problem: String?
        var partitionCount: Int?
    }

    /// Whether the group has told this consumer its share since it last joined, be it empty.
    private(set) var isMember = false
    /// Whether the present client was ever told its share, be it empty.
    private(set) var hasBeenAssigned = false
    /// What the group last said to joining.
    private var error: String?
    /// Since when the group is waited for.
    private var since: ContinuousClock.Instant?
    private var isSlowTold = false
    /// How often in a row another member took this one's place.
    private var fencing = Backoff(baseMilliseconds: 1_000, maximumMilliseconds: 60_000)
    private var lastFenced: ContinuousClock.Instant?

    // MARK: What happened

    /// A new client, which has yet to join.
    mutating func beginAgain() {
        isMember = false
        hasBeenAssigned = false
        since = nil
        error = nil
    }

    mutating func assigned() {
        isMember = true
        hasBeenAssigned = true
        error = nil
    }

    /// It has to join again.
    mutating func left() { isMember = false }

    mutating func failed(_ text: String) { if !isMember { error = text } }

    // MARK: Waiting

    /// - Parameters:
    ///   - isPossible: whether brokers can be reached and there is anything to ask the group for.
    ///   - rejoinsAfter: after how long a new client is to ask; `nil` for never.
    ///   - hasPartitions: whether the group has anything to hand out. Only asked for when that time is over.
    mutating func wait(
        isPossible: Bool, rejoinsAfter: Duration?, hasPartitions: @autoclosure () -> Bool, at now: ContinuousClock.Instant
    ) -> [Action] {
        guard !isMember, isPossible else {
            since = nil
            isSlowTold = false
            return []
        }
        let begin = since ?? now
        since = begin
        var actions: [Action] = []
        if now - begin >= Self.joinsSlowlyAfter, !isSlowTold {
            isSlowTold = true
            actions.append(.tellSlow(now - begin))
        }
        if let rejoinsAfter, now - begin >= rejoinsAfter, hasPartitions() { actions.append(.askWithNewClient(now - begin)) }
        return actions
    }

    /// What keeps the group from answering, as far as that is known.
    /// - Parameter connection: what keeps brokers from being used.
    func obstacle(connection: String?, topics: [KnownTopic]) -> String {
        if let connection { return connection }
        if let error { return error }
        let named = topics.filter { !$0.name.hasPrefix("^") }
        if !named.isEmpty, named.allSatisfy({ $0.problem != nil || $0.partitionCount == nil }) {
            // What brokers said of one of them says more.
            if let problem = named.lazy.compactMap(\.problem).first(where: { !$0.contains("Unknown topic") }) { return problem }
            return "none of the topics exists, or this login may not see them: \(named.map(\.name).joined(separator: ", "))"
        }
        return "the coordinator is waiting for other members, each of which has its max.poll.interval.ms to answer, "
            + "or for one that vanished, until its session.timeout.ms is over"
    }

    /// How long the group has been waited for, with what is known of why; `nil` when it isn't, or not for long.
    func report(connection: String?, topics: @autoclosure () -> [KnownTopic], at now: ContinuousClock.Instant) -> String? {
        guard let since, !isMember else { return nil }
        if let connection { return connection }
        guard now - since >= Self.joinsSlowlyAfter else { return nil }
        return "for \((now - since).readable): \(obstacle(connection: nil, topics: topics()))"
    }

    // MARK: Conflicts

    /// Another member took this one's place. Two members that fence each other would do so for ever, each stopping the other's
    /// reading: they come back ever more slowly, until one of them stays away.
    /// - Returns: after how many milliseconds to come back.
    mutating func fenced(at now: ContinuousClock.Instant, random: () -> Double) -> Int {
        if lastFenced == nil { fencing.reset() }
        lastFenced = now
        return fencing.next(random: random)
    }

    /// - Returns: whether the last conflict is over since just now.
    mutating func isConflictOver(at now: ContinuousClock.Instant) -> Bool {
        guard let last = lastFenced, now - last > Self.conflictLastsFor else { return false }
        lastFenced = nil
        return true
    }
}
