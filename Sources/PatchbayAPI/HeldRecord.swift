/// A record that a step keeps for later: what the step hands to `EnvelopeWriter.release` when nothing depends on the record any
/// more. Until then the record's offset isn't stored, so that it comes again should the process end before.
///
/// Two holdings of one record, such as of two messages that a step before made of it, are released one by one.
public struct HeldRecord: Sendable, Hashable {
    /// Which of the topics that the route reads, by a number of the router's.
    public let topic: Int32
    public let partition: Int32
    public let recordOffset: Int64

    package init(topic: Int32, partition: Int32, recordOffset: Int64) {
        self.topic = topic
        self.partition = partition
        self.recordOffset = recordOffset
    }
}
