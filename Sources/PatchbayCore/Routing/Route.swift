public import PatchbayAPI

/// One route as configured. Immutable; a reload that doesn't change a route keeps the very same object, and with it the
/// transformers that consumer threads made for it.
///
/// Thread: any.
public final class Route: Sendable {
    /// One transformer of the chain.
    public struct Step: Sendable {
        public let transformer: String
        /// Whether tombstones come to it; they go past it otherwise.
        public let takesTombstones: Bool
        /// Whether it may keep records for later.
        public let holdsRecords: Bool
        /// Called once per route and consumer thread.
        public let make: @Sendable () -> any Transformer
        /// Where it comes from, when a plugin does its work.
        package var plugin: PluginUse?

        public init(
            transformer: String, takesTombstones: Bool = false, holdsRecords: Bool = false,
            make: @escaping @Sendable () -> any Transformer
        ) {
            self.transformer = transformer
            self.holdsRecords = holdsRecords
            self.takesTombstones = takesTombstones
            self.make = make
        }
    }

    /// A plugin that does a step's work, as reports name it.
    package struct PluginUse: Sendable {
        package let transformer: String
        package let origin: PluginOrigin

        package init(transformer: String, origin: PluginOrigin) {
            self.transformer = transformer
            self.origin = origin
        }
    }

    public let name: String
    /// The cluster whose topics it takes.
    public let cluster: String
    public let topics: [TopicSelector]
    /// Run in order, at least one.
    public let steps: [Step]
    /// The envelope's `type`.
    public let type: String
    /// Plain names and templates; every message goes to each of them.
    public let channels: [ChannelTemplate]
    /// Bounds of the channels that its templates make.
    public let templateLimits: TemplateLimits
    public let onError: ErrorPolicy
    public let tombstones: TombstonePolicy
    /// Makes what looks up the fields that templates name; the paths are given to it.
    let makeFieldReader: @Sendable ([FieldPath]) -> any FieldReader
    public let counters: RouteCounters

    /// Bounds of the channels that a route's templates make.
    public struct TemplateLimits: Sendable, Equatable {
        /// Channels at a time. What would need one more is counted as `channel_limit`.
        public var maximumChannels: Int
        /// One without subscribers and messages for this long is retired. Milliseconds.
        public var idleMilliseconds: Int64
        /// Messages a stalled subscriber may fall behind.
        public var messageBuffer: Int

        public init(maximumChannels: Int = 10_000, idleMilliseconds: Int64 = 600_000, messageBuffer: Int = 100) {
            self.maximumChannels = maximumChannels
            self.idleMilliseconds = idleMilliseconds
            self.messageBuffer = messageBuffer
        }
    }

    /// - Parameter counters: those of the route it replaces, so that figures don't start over with a reload.
    public init(
        name: String, cluster: String = "default", topics: [TopicSelector], steps: [Step], type: String,
        channels: [ChannelTemplate], templateLimits: TemplateLimits = TemplateLimits(), onError: ErrorPolicy = .skip,
        tombstones: TombstonePolicy = .ignore, makeFieldReader: @escaping @Sendable ([FieldPath]) -> any FieldReader,
        counters: RouteCounters = RouteCounters()
    ) {
        self.name = name
        self.cluster = cluster
        self.topics = topics
        self.steps = steps
        self.type = type
        self.channels = channels
        self.templateLimits = templateLimits
        self.onError = onError
        self.tombstones = tombstones
        self.makeFieldReader = makeFieldReader
        self.counters = counters
    }

    /// One topic, one transformer, plain channels.
    public convenience init(
        name: String, topic: String, type: String, channels: [String],
        makeTransformer: @escaping @Sendable () -> any Transformer
    ) {
        self.init(
            name: name, topics: [.name(topic)], steps: [Step(transformer: name, make: makeTransformer)], type: type,
            channels: channels.map(ChannelTemplate.init(plain:)), makeFieldReader: { _ in NoFields() })
    }

    /// What its plugins count, each transformer once.
    package var plugins: [(use: PluginUse, counters: PluginCounters)] {
        var seen: Set<ByteString> = []
        return steps.compactMap(\.plugin).filter { seen.insert(ByteString($0.transformer)).inserted }
            .map { ($0, counters.plugin($0.transformer)) }
    }

    public func takes(topic: String) -> Bool { topics.contains { $0.matches(topic) } }

    /// Whether one of its templates can make a channel of this name.
    public func canMake(channel name: String) -> Bool { channels.contains { !$0.isPlain && $0.matches(name) } }

    /// The template that makes a channel of this name; `nil` when none does.
    func template(for name: String) -> String? { channels.first { !$0.isPlain && $0.matches(name) }?.text }

    var hasTemplates: Bool { channels.contains { !$0.isPlain } }

    var stopsOnError: Bool { onError == .stop }
}

/// For routes whose channels depend on no field.
private final class NoFields: FieldReader {
    func read(_ data: UnsafeRawBufferPointer, _ take: (Int, FoundField) -> Void) -> Bool { false }
}
