import PatchbayAPI

/// Everything a configuration file and the files it includes say, checked and with every default filled in.
public struct RouterConfiguration: Sendable {
    public let server: ServerSettings
    public let limits: LimitSettings
    public let admin: AdminSettings
    public let reload: ReloadSettings
    public let alerts: AlertSettings
    /// The cluster of `kafka` itself first, then those of `kafka.clusters` in the order of the file.
    public let clusters: [KafkaSettings]
    /// Every plain channel that an enabled route names, in the order of first mention.
    public let channels: [ChannelSettings]
    /// In the order of the file, then those of the files it includes. Names are unique, topics are not. At least one is
    /// enabled.
    public let routes: [RouteSettings]

    package init(
        server: ServerSettings, limits: LimitSettings = LimitSettings(), admin: AdminSettings, reload: ReloadSettings,
        alerts: AlertSettings = AlertSettings(), clusters: [KafkaSettings], channels: [ChannelSettings],
        routes: [RouteSettings]
    ) {
        self.server = server
        self.limits = limits
        self.admin = admin
        self.reload = reload
        self.alerts = alerts
        self.clusters = clusters
        self.channels = channels
        self.routes = routes
    }
}

/// Where operators' tools connect.
public struct AdminSettings: Sendable, Equatable {
    public let isEnabled: Bool
    public let host: String
    /// 0…65535; 0 stands for any free port.
    public let port: Int
    /// Names that requests may be for: `name`, `*.name` or `*`.
    public package(set) var allowedHosts: [String] = []
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(isEnabled: Bool, host: String, port: Int, secrets: Set<String> = []) {
        self.isEnabled = isEnabled
        self.host = host
        self.port = port
        self.secrets = secrets
    }
}

/// How changes of the configuration are taken up.
public struct ReloadSettings: Sendable, Equatable {
    /// Whether the files are watched.
    public let watchesFiles: Bool
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(watchesFiles: Bool, secrets: Set<String> = []) {
        self.watchesFiles = watchesFiles
        self.secrets = secrets
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
    /// Bytes that may wait in the kernel for a client's socket, 4 KiB…16 MiB; 0 leaves it to the kernel.
    public package(set) var sendBuffer = 256 << 10
    /// Bytes of the largest frame, 128…16 MiB; 0 stands for `maxMessage`.
    public package(set) var maxFrame = 0
    /// 1 s…1 d; zero stands for "never".
    public package(set) var idleTimeout = Duration.zero
    /// 1 s…1 h.
    public package(set) var httpIdleTimeout = Duration.seconds(60)
    /// 0…5 min.
    public package(set) var drainDelay = Duration.zero
    /// 0…10 min, at most `reconnectLatest`.
    public package(set) var reconnectEarliest = Duration.seconds(1)
    /// 0…10 min.
    public package(set) var reconnectLatest = Duration.seconds(5)
    /// 2 s…1 min; zero stands for "not checked".
    public package(set) var livenessThreshold = Duration.seconds(8)
    /// Origins whose scripts may read the HTTP endpoints.
    public package(set) var corsOrigins: [String] = []
    /// Empty, or `/` and more without a `/` at the end.
    public package(set) var basePath = ""
    /// Networks such as `10.0.0.0/8`.
    public package(set) var trustedProxies: [String] = []
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(
        host: String, port: Int, maxClients: Int, readBuffer: Int, writeBuffer: Int, maxMessage: Int,
        handshakeTimeout: Duration, pingInterval: Duration, drainTimeout: Duration, eventLoops: Int,
        allowedOrigins: [String], secrets: Set<String> = []
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
        self.secrets = secrets
    }
}

/// One Kafka cluster that records come from.
public struct KafkaSettings: Sendable, Equatable {
    /// The name of the cluster that `kafka` itself describes.
    public static let defaultName = "default"

    /// As routes name it in `cluster`.
    public let name: String
    /// At least one `host:port`.
    public let brokers: [String]
    /// The consumer group.
    public let group: String
    /// Records per poll, 1…10,000.
    public let batchSize: Int
    /// Bytes of the largest record routed, 1 KiB…100 MiB.
    public let maxRecord: Int
    /// Milliseconds that brokers have to take a dead letter, 1000…86,400,000; 0 for as long as it takes.
    public let deadLetterTimeout: Int
    /// Properties for librdkafka, in the order of the file, not yet checked by it.
    public let properties: [KafkaProperty]
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(
        name: String, brokers: [String], group: String, batchSize: Int, maxRecord: Int,
        deadLetterTimeout: Int = 300_000, properties: [KafkaProperty],
        secrets: Set<String> = []
    ) {
        self.name = name
        self.brokers = brokers
        self.group = group
        self.batchSize = batchSize
        self.maxRecord = maxRecord
        self.deadLetterTimeout = deadLetterTimeout
        self.properties = properties
        self.secrets = secrets
    }

    /// Whether a consumer can go on as it is; where the settings stand in the file doesn't matter.
    public func isEquivalent(to other: KafkaSettings) -> Bool {
        name.hasSameBytes(as: other.name) && brokers.hasSameBytes(as: other.brokers)
            && group.hasSameBytes(as: other.group) && batchSize == other.batchSize && maxRecord == other.maxRecord
            && deadLetterTimeout == other.deadLetterTimeout
            && properties.elementsEqual(other.properties) {
                $0.name.hasSameBytes(as: $1.name) && $0.value.hasSameBytes(as: $1.value)
            }
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
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(name: String, buffer: Int, description: String?, secrets: Set<String> = []) {
        self.name = name
        self.buffer = buffer
        self.description = description
        self.secrets = secrets
    }
}

/// One entry of `routes`.
public struct RouteSettings: Sendable {
    /// Unique; the topic, or the list of topics, when the file gives none.
    public let name: String
    /// `false` when the file keeps the route but switches it off.
    public let isEnabled: Bool
    /// Name of one of `RouterConfiguration.clusters`.
    public let cluster: String
    /// At least one.
    public let topics: [TopicSelector]
    /// Run in order, at least one.
    public let steps: [TransformStep]
    /// The envelope's `type`.
    public let type: String
    /// At least one, each once; plain names and templates.
    public let channels: [ChannelTemplate]
    /// Channels that the route's templates may make, 1…1,000,000.
    public let maxChannels: Int
    /// A channel of a template without subscribers and messages for this long is retired.
    public let channelIdle: Duration
    /// Messages a slow client may fall behind on channels that templates make.
    public let templateBuffer: Int
    public let onError: ErrorPolicy
    public let tests: [RouteTest]
    /// Where the route starts in its file.
    public let position: SourcePosition
    /// Where each of `topics` stands.
    package var topicPositions: [SourcePosition?] = []
    /// Where the route's own `dead_letter` stands; `nil` when it has none.
    package var deadLetterPosition: SourcePosition?
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(
        name: String, isEnabled: Bool = true, cluster: String = KafkaSettings.defaultName, topics: [TopicSelector],
        steps: [TransformStep], type: String, channels: [ChannelTemplate], maxChannels: Int = 10_000,
        channelIdle: Duration = .seconds(600), templateBuffer: Int = 100, onError: ErrorPolicy = .skip,
        tests: [RouteTest] = [], position: SourcePosition, secrets: Set<String> = []
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.cluster = cluster
        self.topics = topics
        self.steps = steps
        self.type = type
        self.channels = channels
        self.maxChannels = maxChannels
        self.channelIdle = channelIdle
        self.templateBuffer = templateBuffer
        self.onError = onError
        self.tests = tests
        self.position = position
        self.secrets = secrets
    }
}

/// One transformer of a route's chain.
public struct TransformStep: Sendable {
    public let transformer: String
    /// Checked, defaults filled in.
    public let options: OptionValues
    /// Options whose values must not be shown.
    public let secretOptions: Set<String>
    /// Whether the transformer's name must not be shown.
    package var hasSecretName = false
    /// Makes an instance: one per route and consumer thread.
    public let factory: @Sendable () -> any Transformer
    public let position: SourcePosition

    package init(
        transformer: String, options: OptionValues, secretOptions: Set<String> = [],
        factory: @escaping @Sendable () -> any Transformer, position: SourcePosition
    ) {
        self.transformer = transformer
        self.options = options
        self.secretOptions = secretOptions
        self.factory = factory
        self.position = position
    }
}

/// One entry of a route's `tests`.
public struct RouteTest: Sendable {
    public let name: String
    /// The topic the record is from; the route's first plain topic when the file gives none.
    public let topic: String
    /// The record's key; `nil` for none.
    public let key: String?
    public let headers: [(name: String, value: String)]
    /// The record's value: text as it is given, or JSON made of the file's mapping; `nil` for a tombstone.
    public let input: String?
    public let expectation: Expectation
    public let position: SourcePosition

    public enum Expectation: Sendable {
        /// These envelopes, one per channel, in any order; none means that the record is filtered.
        case envelopes([ExpectedEnvelope])
        /// The record is refused with this code.
        case error(code: String)
    }

    package init(
        name: String, topic: String, key: String?, headers: [(name: String, value: String)], input: String?,
        expectation: Expectation, position: SourcePosition
    ) {
        self.name = name
        self.topic = topic
        self.key = key
        self.headers = headers
        self.input = input
        self.expectation = expectation
        self.position = position
    }
}

/// What a test expects on one channel. What is `nil` is not compared.
public struct ExpectedEnvelope: Sendable {
    public let channel: String?
    public let type: String?
    /// JSON. The order of names and the way numbers are written don't matter; no digit of theirs is rounded.
    public let data: String?
    public let position: SourcePosition

    package init(channel: String?, type: String?, data: String?, position: SourcePosition) {
        self.channel = channel
        self.type = type
        self.data = data
        self.position = position
    }
}
