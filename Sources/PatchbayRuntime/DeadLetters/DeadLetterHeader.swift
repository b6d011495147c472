/// Names of headers that say where records come from.
enum DeadLetterHeader {
    // On a dead letter, behind the headers that the record had itself: why it was refused and where it stood. `route` comes first.
    static let route = "patchbay.route"
    static let topic = "patchbay.topic"
    static let partition = "patchbay.partition"
    static let offset = "patchbay.offset"
    static let timestamp = "patchbay.timestamp"
    static let code = "patchbay.error.code"
    static let explanation = "patchbay.error"
    static let field = "patchbay.error.field"

    /// On a record that was produced again: the letter that it was.
    enum Replay {
        static let topic = "patchbay.replay.topic"
        static let partition = "patchbay.replay.partition"
        static let offset = "patchbay.replay.offset"
        /// Of the letter, in milliseconds: offsets of a topic that was recreated begin again.
        static let timestamp = "patchbay.replay.timestamp"

        static let all = [topic, partition, offset, timestamp]
    }

    /// On the mark that a replay leaves in the letter's partition.
    enum Mark {
        /// Of the letter.
        static let offset = "patchbay.replayed.offset"
        /// Where the record went.
        static let topic = "patchbay.replayed.topic"
    }
}
