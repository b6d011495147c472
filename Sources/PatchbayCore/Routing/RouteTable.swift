import PatchbayAPI

/// All routes at one moment: an immutable value, replaced as a whole.
///
/// Thread: any.
public final class RouteTable: Sendable {
    /// A channel that exists whether or not a message comes.
    public struct PlainChannel: Sendable, Equatable {
        public var name: String
        public var limits: ChannelLog.Limits

        public init(name: String, limits: ChannelLog.Limits = .init()) {
            self.name = name
            self.limits = limits
        }
    }

    public let routes: [Route]
    /// Every channel that a route names plainly, each once.
    public let channels: [PlainChannel]
    /// Values above this many bytes are rejected before any transformer sees them, by cluster.
    let maxRecord: [ByteString: Int]
    private let byTopic: [ClusterTopic: [Int]]
    /// What tells a consumer thread quickly which of its routes are still there.
    let identities: Set<ObjectIdentifier>
    /// Indices of the routes with patterns.
    private let patterned: [Int]

    private struct ClusterTopic: Hashable {
        let cluster: ByteString
        let topic: ByteString

        init(cluster: String, topic: String) {
            self.cluster = ByteString(cluster)
            self.topic = ByteString(topic)
        }
    }

    static let standardMaxRecord = 1 << 20

    /// - Parameters:
    ///   - channels: settings of plain channels; those that a route names and that are missing here get the standard ones.
    ///   - maxRecord: by cluster; 1 MiB where there is none.
    public init(routes: [Route], channels: [PlainChannel] = [], maxRecord: [(cluster: String, bytes: Int)] = []) {
        self.routes = routes
        self.identities = Set(routes.map(ObjectIdentifier.init))
        self.maxRecord = Dictionary(maxRecord.map { (ByteString($0), $1) }) { first, _ in first }
        var all: [PlainChannel] = []
        var seen: Set<ByteString> = []
        let given = Dictionary(channels.map { (ByteString($0.name), $0) }) { first, _ in first }
        for route in routes {
            for channel in route.channels where channel.isPlain && seen.insert(ByteString(channel.text)).inserted {
                all.append(given[ByteString(channel.text)] ?? PlainChannel(name: channel.text))
            }
        }
        self.channels = all
        var byTopic: [ClusterTopic: [Int]] = [:]
        var patterned: [Int] = []
        for (index, route) in routes.enumerated() {
            var hasPattern = false
            var names: Set<ByteString> = []
            for selector in route.topics {
                switch selector {
                case .name(let name):
                    if names.insert(ByteString(name)).inserted {
                        byTopic[ClusterTopic(cluster: route.cluster, topic: name), default: []].append(index)
                    }
                case .pattern: hasPattern = true
                }
            }
            if hasPattern { patterned.append(index) }
        }
        self.byTopic = byTopic
        self.patterned = patterned
    }

    /// The routes that take a topic, in the order of the file.
    public func routes(ofTopic topic: String, cluster: String) -> [Route] {
        var indices = byTopic[ClusterTopic(cluster: cluster, topic: topic)] ?? []
        for index in patterned where routes[index].cluster.hasSameBytes(as: cluster) && !indices.contains(index) {
            if routes[index].takes(topic: topic) { indices.append(index) }
        }
        return indices.sorted().map { routes[$0] }
    }

    /// What a cluster's consumer subscribes to, each once, in order of first mention: names, and patterns with their `^`.
    public func topics(ofCluster cluster: String) -> [String] {
        var seen: Set<ByteString> = []
        return routes.lazy.filter { $0.cluster.hasSameBytes(as: cluster) }.flatMap(\.topics).map(\.text).filter {
            seen.insert(ByteString($0)).inserted
        }
    }

    /// The clusters that routes name.
    public var clusters: Set<ByteString> { Set(routes.map { ByteString($0.cluster) }) }
}
