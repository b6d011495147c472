/// A partition that was sent back and hasn't come by at its position yet: which of its records are let through.
///
/// Holes are legal (compaction, transactions, retention). But going on behind the right place would lose records, so the first
/// hole after a seek is believed only when the partition comes by there a second time.
///
/// Pure.
struct ReturnCheck: Equatable {
    enum Verdict: Equatable {
        /// It came by: nothing needs checking any more.
        case take
        /// Left over from before.
        case drop
        /// It went on too far: once more.
        case sendBackAgain
    }

    private var wasSentBackAgain = false

    /// - Parameters:
    ///   - recordOffset: of the record that came.
    ///   - position: where the partition should go on; `nil` while that isn't known.
    ///   - log: from the oldest record that the broker has to the end, `nil` when it doesn't say. Only asked for when needed.
    mutating func verdict(on recordOffset: Int64, position: Int64?, log: () -> ClosedRange<Int64>?) -> Verdict {
        guard let position, recordOffset != position else { return .take }
        let range = log()
        if recordOffset < position {
            // Left over from before, unless the log is a new one that hasn't got so far.
            return (range?.upperBound ?? position) < position ? .take : .drop
        }
        // Records that are gone can't be gone back to, and trying could make librdkafka leave out more of them.
        if wasSentBackAgain || (range?.lowerBound ?? 0) > position { return .take }
        wasSentBackAgain = true
        return .sendBackAgain
    }
}
