/// What it means that reading goes on elsewhere than at the next record offset.
///
/// Pure.
enum PositionChange: Equatable, Sendable {
    /// It doesn't.
    case none
    /// Some offsets were passed by: `deleted` of them because the brokers deleted the records; `holes` never had a
    /// record for us (compaction, markers and aborted records of transactions).
    case forward(deleted: Int64, holes: Int64)
    /// Record offsets began again: the topic was deleted and created again, or the brokers lost its newest records.
    case startedOver

    /// - Parameters:
    ///   - position: the record offset that was to come next.
    ///   - offset: the one that came, or that the partition ends with.
    ///   - low: the oldest record that the brokers had when they sent it; `nil` where unknown.
    init(from position: Int64, to offset: Int64, low: Int64?) {
        if offset == position {
            self = .none
        } else if offset < position {
            self = .startedOver
        } else {
            let deleted = max(0, min(low ?? position, offset) - position)
            self = .forward(deleted: deleted, holes: offset - position - deleted)
        }
    }
}
