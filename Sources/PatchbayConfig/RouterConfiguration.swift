import PatchbayAPI

/// Everything a configuration file says, checked and with every default filled in.
public struct RouterConfiguration: Sendable {
    public let server: ServerSettings
    public let kafka: KafkaSettings
    /// Every channel that a route names, in the order of first mention.
    public let channels: [ChannelSettings]
    /// At least one, in the order of the file. Names are unique, topics are not.
    public let routes: [RouteSettings]

    package init(server: ServerSettings, kafka: KafkaSettings, channels: [ChannelSettings], routes: [RouteSettings]) {
        self.server = server
        self.kafka = kafka
        self.channels = channels
        self.routes = routes
    }
}

/// Where clients connect, and what one of them may cost.
public struct ServerSettings: Sendable, Equatable {
    public let host: String
    /// 0…65535; 0 stands for any free port.
    public let port: Int
    /// Connections at the same time, 1…1,000,000.
    public let maxClients: Int
    /// Bytes read from a client's socket at a time, 128…1 MiB.
    public let readBuffer: Int
    /// Bytes that may wait in the server for a client's socket before the client counts as slow, 128…16 MiB.
    public let writeBuffer: Int
    /// Bytes of the largest message a client may send, 128…16 MiB.
    public let maxMessage: Int
    /// 100 ms…5 min.
    public let handshakeTimeout: Duration
    /// 1 s…1 h.
    public let pingInterval: Duration
    /// 0…9 s.
    public let drainTimeout: Duration
    /// Threads that serve connections, 1…64; 0 stands for "choose".
    public let eventLoops: Int
    /// Origins that may connect; `*` is every one.
    public let allowedOrigins: [String]

    package init(
        host: String, port: Int, maxClients: Int, readBuffer: Int, writeBuffer: Int, maxMessage: Int,
        handshakeTimeout: Duration, pingInterval: Duration, drainTimeout: Duration, eventLoops: Int,
        allowedOrigins: [String]
    ) {
        self.host = host
        self.port = port
        self.maxClients = maxClients
        self.readBuffer = readBuffer
        self.writeBuffer = writeBuffer
        self.maxMessage = maxMessage
        self.handshakeTimeout = handshakeTimeout
        self.pingInterval = pingInterval
        self.drainTimeout = drainTimeout
        self.eventLoops = eventLoops
        self.allowedOrigins = allowedOrigins
    }
}

/// Where records come from.
public struct KafkaSettings: Sendable, Equatable {
    /// At least one `host:port`.
    public let brokers: [String]
    /// The consumer group.
    public let group: String
    /// Records per poll, 1…10,000.
    public let batchSize: Int
    /// Bytes of the largest record routed, 1 KiB…100 MiB.
    public let maxRecord: Int
    /// Properties for librdkafka, in the order of the file, not yet checked by it.
    public let properties: [KafkaProperty]

    package init(brokers: [String], group: String, batchSize: Int, maxRecord: Int, properties: [KafkaProperty]) {
        self.brokers = brokers
        self.group = group
        self.batchSize = batchSize
        self.maxRecord = maxRecord
        self.properties = properties
    }
}

/// One property for librdkafka, with its place for what librdkafka thinks of it.
public struct KafkaProperty: Sendable, Equatable {
    public let name: String
    /// As written in the file, with `${…}` replaced.
    public let value: String
    /// Of the name.
    public let position: SourcePosition
    /// Of the value.
    public let valuePosition: SourcePosition
    /// Whether the value must not be shown, librdkafka's own messages that repeat it included.
    public let isSecret: Bool

    package init(name: String, value: String, position: SourcePosition, valuePosition: SourcePosition, isSecret: Bool) {
        self.name = name
        self.value = value
        self.position = position
        self.valuePosition = valuePosition
        self.isSecret = isSecret
    }
}

/// One channel that a route names.
public struct ChannelSettings: Sendable, Equatable {
    public let name: String
    /// Messages a slow client may fall behind, 1…1,000,000.
    public let buffer: Int
    /// For people; `nil` when the file has none.
    public let description: String?

    package init(name: String, buffer: Int, description: String?) {
        self.name = name
        self.buffer = buffer
        self.description = description
    }
}

/// One entry of `routes`.
public struct RouteSettings: Sendable {
    /// Unique; the topic when the file gives none.
    public let name: String
    public let topic: String
    public let transformerName: String
    /// Checked, defaults filled in.
    public let options: OptionValues
    /// Makes an instance of the transformer: one per route and consumer thread.
    public let factory: @Sendable () -> any Transformer
    /// The envelope's `type`.
    public let type: String
    /// At least one, each once.
    public let channels: [String]
    /// Where the route starts in the file.
    public let position: SourcePosition

    package init(
        name: String, topic: String, transformerName: String, options: OptionValues,
        factory: @escaping @Sendable () -> any Transformer, type: String, channels: [String],
        position: SourcePosition
    ) {
        self.name = name
        self.topic = topic
        self.transformerName = transformerName
        self.options = options
        self.factory = factory
        self.type = type
        self.channels = channels
        self.position = position
    }
}
