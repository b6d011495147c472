/// What is known of a partition when reading it is to begin. All numbers are record offsets.
struct StartInputs: Equatable, Sendable {
    /// The group's committed position; `nil` where it has none.
    var committed: Int64?
    /// Up to where this thread had processed the partition when it last gave it up: its last commit may have been
    /// refused because the group was changing already.
    var left: Int64?
    /// Whether the group has a position in any other partition of the topic.
    var topicHasPositions = false
    /// Whether the partition came into being since it was first asked for.
    var isNew = false
    /// Whether the brokers once said, since it was last read, that the topic doesn't exist.
    var wasGone = false
    /// The oldest record that the brokers have.
    var low: Int64
    /// Where the next record will be, or the last stable one for `isolation.level: read_committed`.
    var end: Int64
    var policy = OffsetResetPolicy.latest
}

/// Where a group begins that has no position: what operators write as `auto.offset.reset`.
enum OffsetResetPolicy: Equatable, Sendable {
    case earliest, latest
    /// Not at all.
    case refuse

    /// - Parameter value: as librdkafka spells it.
    init(_ value: String?) {
        switch value {
        case "smallest", "earliest", "beginning": self = .earliest
        case "error": self = .refuse
        default: self = .latest
        }
    }
}

/// Where reading of one partition begins, and why.
///
/// Pure. A position behind the end is not judged here: only the first fetch says for certain that the log doesn't reach
/// so far (`end` is the last stable record, which transactions hold back), and then reading goes on at the oldest
/// record; see `PositionChange`.
struct StartDecision: Equatable, Sendable {
    enum Reason: String, Sendable {
        /// Where the group, or this thread, left off.
        case committed
        /// There too, but the brokers have deleted what comes next: at the oldest record left.
        case deleted
        /// At the beginning of a partition that came into being since it was first asked for.
        case created
        /// At the beginning of a topic that was deleted and created again.
        case recreated
        /// At the beginning of a partition without a position, in a topic in which the group has others: it was added
        /// while the group wasn't there.
        case added
        /// The group has no committed offset in the topic, and `auto.offset.reset` says where it begins.
        case earliest, latest
    }

    var offset: Int64
    var reason: Reason
    /// Record offsets that were deleted before they were read, 0 or more.
    var deleted: Int64 = 0
    /// Record offsets that lie before the start and are not read because the group had no position, 0 or more.
    var before: Int64 = 0

    /// `nil` when there is no position and the policy says that there must be one.
    init?(_ inputs: StartInputs) {
        let left = inputs.wasGone ? nil : inputs.left
        if let position = [inputs.committed, left].compactMap({ $0 }).max() {
            self.init(
                offset: max(position, inputs.low), reason: position < inputs.low ? .deleted : .committed,
                deleted: max(0, inputs.low - position))
        } else if inputs.wasGone {
            self.init(offset: inputs.low, reason: .recreated)
        } else if inputs.isNew {
            self.init(offset: inputs.low, reason: .created)
        } else if inputs.topicHasPositions {
            self.init(offset: inputs.low, reason: .added)
        } else {
            switch inputs.policy {
            case .earliest: self.init(offset: inputs.low, reason: .earliest)
            case .latest:
                self.init(offset: inputs.end, reason: .latest, before: max(0, inputs.end - inputs.low))
            case .refuse: return nil
            }
        }
    }

    init(offset: Int64, reason: Reason, deleted: Int64 = 0, before: Int64 = 0) {
        self.offset = offset
        self.reason = reason
        self.deleted = deleted
        self.before = before
    }
}
