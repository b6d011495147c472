/// When positions are committed in passing, and which.
///
/// The thread commits positions itself, as often as `auto.commit.interval.ms` says: librdkafka's own timer never commits a lower
/// offset than before, which is what a topic that was recreated needs, and retries for partitions that are no longer ours.
///
/// Pure.
struct CommitSchedule {
    /// For how long a commit that is due waits for one under way, or for the group, should librdkafka forget to tell how that
    /// ended.
    static let patience = Duration.seconds(30)

    /// `nil` for never in passing.
    private let interval: Duration?
    private var last: ContinuousClock.Instant
    /// Whether one is to be sent without waiting for the interval.
    private var isWanted = false
    /// Since when one has been due and not possible.
    private var waitsSince: ContinuousClock.Instant?
    /// Whether one was sent that is not answered yet.
    private(set) var isUnderWay = false

    init(interval: Duration?, at now: ContinuousClock.Instant) {
        self.interval = interval
        last = now
    }

    /// - Parameter milliseconds: as `auto.commit.interval.ms` has it; zero or less for never.
    static func interval(_ milliseconds: String?) -> Duration? {
        let milliseconds = milliseconds.flatMap { Int($0) } ?? 1_000
        return milliseconds > 0 ? .milliseconds(milliseconds) : nil
    }

    /// Whether to send what has changed since the last commit; the next is due an interval later.
    ///
    /// Not while one is under way or the group is changing, but neither is waited for longer than `patience`.
    mutating func takeDue(at now: ContinuousClock.Instant, isGroupSteady: Bool) -> Bool {
        guard let interval, isWanted || now - last >= interval else { return false }
        if isUnderWay || !isGroupSteady {
            let since = waitsSince ?? now
            waitsSince = since
            guard now - since >= Self.patience else { return false }
        }
        waitsSince = nil
        last = now
        isWanted = false
        return true
    }

    /// Has the next commit sent as soon as that can be, without waiting for the interval.
    mutating func wantSoon() { isWanted = true }

    mutating func sent() { isUnderWay = true }

    mutating func answered() { isUnderWay = false }

    /// A new client: what was under way is never answered, and nothing is known yet that is worth a commit.
    mutating func beginAgain() {
        isUnderWay = false
        isWanted = false
    }

    /// Up to where a partition is to be committed; `nil` when nothing new may be.
    /// - Parameters:
    ///   - position: record offset of the next record to process; `nil` while that isn't known.
    ///   - committed: the position that the brokers last acknowledged, or were found to have.
    ///   - heldFrom: the lowest record offset that must not be committed yet; `nil` when there is none.
    static func offset(position: Int64?, committed: Int64?, heldFrom: Int64?) -> Int64? {
        guard let position else { return nil }
        if let heldFrom, heldFrom < position {
            // A letter from before the partition was given up may be older than what another member committed meanwhile.
            return heldFrom > committed ?? -1 ? heldFrom : nil
        }
        return position != committed ? position : nil
    }
}
