/// What one channel, or all channels of one template together, have done.
public struct ChannelSnapshot: Sendable {
    /// The channel's name, or the template as it stands in the file.
    public let name: String
    public let isTemplate: Bool
    /// Channels that exist now: 1 for a plain one.
    public internal(set) var channels: Int
    public internal(set) var figures: ChannelLog.Snapshot

    mutating func add(_ other: ChannelLog.Snapshot) {
        channels += 1
        figures.add(other)
    }
}

extension ChannelLog.Snapshot {
    package static let none = ChannelLog.Snapshot(
        messages: 0, bytesAppended: 0, bytesRetained: 0, messagesRetained: 0, dropped: 0, subscribers: 0)

    package mutating func add(_ other: ChannelLog.Snapshot) {
        addPast(other)
        bytesRetained += other.bytesRetained
        messagesRetained += other.messagesRetained
        subscribers += other.subscribers
    }

    /// Adds what counts on after a log is gone.
    mutating func addPast(_ other: ChannelLog.Snapshot) {
        messages += other.messages
        bytesAppended += other.bytesAppended
        dropped += other.dropped
    }
}
