public import PatchbayAPI

/// One route as configured: a topic, a transformer, a message type and the channels its messages go to.
public struct Route: Sendable {
    public let name: String
    public let topic: String
    /// The envelope's `type`.
    public let type: String
    /// Names of the channels, each of which gets every message.
    public let channels: [String]
    /// Makes the route's transformer; called once per consumer thread.
    public let makeTransformer: @Sendable () -> any Transformer
    public let counters: RouteCounters

    public init(
        name: String, topic: String, type: String, channels: [String],
        makeTransformer: @escaping @Sendable () -> any Transformer
    ) {
        self.name = name
        self.topic = topic
        self.type = type
        self.channels = channels
        self.makeTransformer = makeTransformer
        self.counters = RouteCounters()
    }
}

/// All routes and channels at one moment: an immutable value, replaced as a whole.
///
/// Thread: any.
public struct RouteTable: Sendable {
    /// Counts tables from 1; a new table gets the next number.
    public let generation: Int
    public let routes: [Route]
    /// Every channel by name.
    public let logs: [String: ChannelLog]
    /// Values above this many bytes are rejected before any transformer sees them.
    public let maximumRecordBytes: Int

    /// - Precondition: `logs` has an entry for every channel that a route names; routes to others are left out of
    ///   delivery. The loader guarantees it.
    public init(generation: Int = 1, routes: [Route], logs: [String: ChannelLog], maximumRecordBytes: Int = 1 << 20) {
        self.generation = generation
        self.routes = routes
        self.logs = logs
        self.maximumRecordBytes = maximumRecordBytes
    }

    /// The topics to consume, each once, in order of first mention.
    public var topics: [String] {
        var seen: Set<String> = []
        return routes.map(\.topic).filter { seen.insert($0).inserted }
    }
}
