import PatchbayAPI
public import PatchbayCore
import PatchbayDelivery

/// What the routes in force make, as `/docs` and its documents describe it.
public struct DocumentedRoutes: Sendable, Equatable {
    /// What one route sends.
    public struct Message: Sendable, Equatable {
        /// The envelope's `type`.
        public var type: String
        /// The route's name.
        public var route: String
        /// The transformers of its chain, in order.
        public var transformers: [String]
        /// Names and templates of its channels.
        public var channels: [String]
        /// JSON Schema of `data`; `nil` when it may be any JSON.
        public var schema: String?
        /// A `data` as JSON text; `nil` when there is none at hand.
        public var example: String?
        /// The channel of that example; `nil` to take the first one.
        public var exampleChannel: String?
        /// Whether it says what was deleted (`tombstones: message`).
        public var deletes: Bool

        public init(
            type: String, route: String, transformers: [String], channels: [String], schema: String? = nil,
            example: String? = nil, exampleChannel: String? = nil, deletes: Bool = false
        ) {
            self.deletes = deletes
            self.type = type
            self.route = route
            self.transformers = transformers
            self.channels = channels
            self.schema = schema
            self.example = example
            self.exampleChannel = exampleChannel
        }
    }

    /// What clients subscribe to.
    public struct Channel: Sendable, Equatable {
        /// A name, or a template such as `trades.{Token}`.
        public var name: String
        public var description: String?
        /// Messages a slow client may fall behind.
        public var buffer: Int
        public var isTemplate: Bool

        public init(name: String, description: String? = nil, buffer: Int, isTemplate: Bool = false) {
            self.name = name
            self.description = description
            self.buffer = buffer
            self.isTemplate = isTemplate
        }
    }

    public var title: String
    /// Of the program.
    public var version: String
    /// Where operators' tools connect; `nil` when there is no such listener.
    public var adminPort: Int?
    /// By route, in the order of the file.
    public var messages: [Message]
    /// Plain ones first.
    public var channels: [Channel]

    public init(
        title: String = "Patchbay", version: String, adminPort: Int? = nil, messages: [Message], channels: [Channel]
    ) {
        self.title = title
        self.version = version
        self.adminPort = adminPort
        self.messages = messages
        self.channels = channels
    }

    /// What a route table says by itself: no descriptions, and `data` is any JSON.
    public init(table: RouteTable, version: String = "0") {
        let templates = table.routes.flatMap { route in
            route.channels.filter { !$0.isPlain }.map {
                Channel(name: $0.text, buffer: route.templateLimits.messageBuffer, isTemplate: true)
            }
        }
        var seen: Set<ByteString> = []
        self.init(
            version: version,
            messages: table.routes.map { route in
                Message(
                    type: route.type, route: route.name, transformers: route.steps.map(\.transformer),
                    channels: route.channels.map(\.text), deletes: route.tombstones == .message)
            },
            channels: table.channels.map { Channel(name: $0.name, buffer: $0.limits.messageBuffer) }
                + templates.filter { seen.insert(ByteString($0.name)).inserted })
    }

    /// Types in the order of their first route, each with all that its routes say.
    var types: [(type: String, routes: [Message])] {
        var order: [ByteString] = []
        let byType = Dictionary(grouping: messages) { ByteString($0.type) }
        for type in messages.map({ ByteString($0.type) }) where !order.contains(type) { order.append(type) }
        return order.map { ($0.string, byType[$0] ?? []) }
    }

    /// The types that come on a channel.
    func types(on channel: String) -> [String] {
        types.filter { $0.routes.contains { $0.channels.containsBytes(of: channel) } }.map(\.type)
    }
}
