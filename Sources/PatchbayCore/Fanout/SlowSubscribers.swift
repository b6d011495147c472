/// Subscribers of one event loop whose sockets are full, as of the last look.
///
/// Thread: any.
public struct SlowSubscribers: Sendable, Equatable {
    /// Those named; the rest is only counted.
    public static let mostNamed = 10

    /// One subscriber that has lost messages already, or is about to.
    public struct Subscriber: Sendable, Equatable {
        /// The connection's own name for itself, as in the log.
        public var connection: String
        public var client: ClientDetails
        public var channel: String
        /// Messages between what it was handed last and the newest.
        public var behind: Int64
        /// Since when its socket is full. Nanoseconds of the monotonic clock.
        public var since: UInt64

        public init(
            connection: String, client: ClientDetails = ClientDetails(), channel: String, behind: Int64, since: UInt64
        ) {
            self.connection = connection
            self.client = client
            self.channel = channel
            self.behind = behind
            self.since = since
        }
    }

    /// Subscriptions whose socket is full. When much is sent, some always are for a moment.
    public var stalled = 0
    /// Those of them that are further behind than their channel's buffer, and so lose messages.
    public var losing = 0
    /// The most messages that one of them is behind.
    public var furthestBehind: Int64 = 0
    /// Those furthest behind of the losing, at most `mostNamed`, the furthest first.
    public var named: [Subscriber] = []

    public init() {}

    mutating func name(_ subscriber: Subscriber) {
        guard named.count < Self.mostNamed || (named.last?.behind ?? 0) < subscriber.behind else { return }
        let index = named.firstIndex { $0.behind < subscriber.behind } ?? named.endIndex
        named.insert(subscriber, at: index)
        if named.count > Self.mostNamed { named.removeLast() }
    }

    /// Both together.
    public static func + (left: SlowSubscribers, right: SlowSubscribers) -> SlowSubscribers {
        var sum = left
        sum.stalled += right.stalled
        sum.losing += right.losing
        sum.furthestBehind = max(left.furthestBehind, right.furthestBehind)
        for subscriber in right.named { sum.name(subscriber) }
        return sum
    }
}
