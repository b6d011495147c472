public import PatchbayAPI

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
    public let tombstones: TombstonePolicy
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
        tombstones: TombstonePolicy = .ignore, tests: [RouteTest] = [], position: SourcePosition, secrets: Set<String> = []
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
        self.tombstones = tombstones
        self.tests = tests
        self.position = position
        self.secrets = secrets
    }
}

extension RouteSettings {
    static let channelCounts: ClosedRange<Int64> = 1...1_000_000
    /// A second to a day.
    static let idleTimes: ClosedRange<Int64> = 1000...86_400_000

    /// Keys of one entry of `routes`.
    package static let fields: [Field] = [
        Field(
            "name", .string(),
            documentation: """
                Name of the route in logs and metrics, unique across all files. The topic when left out, or the list of \
                topics as `a, b`.
                """,
            example: "name: tokens"),
        Field(
            "enabled", .bool, default: .bool(true),
            documentation: "`false` keeps the route in the file, checked but switched off.",
            example: "enabled: false"),
        Field(
            "cluster", .string(), default: .string(KafkaSettings.defaultName),
            documentation: """
                Kafka cluster that the topics are on: one of `kafka.clusters`, or `default` for the one that `kafka` itself describes.
                """,
            example: "cluster: audit"),
        Field(
            "topic", .list(.string(), minimumCount: 1),
            documentation: """
                Kafka topic to read, or several. One that begins with `^` is a regular expression (POSIX extended); topics \
                that match are picked up as they appear. A route has either this or `topics`.
                """,
            example: "topic: token-info"),
        Field(
            "topics", .list(.string(), minimumCount: 1),
            documentation: "The same as `topic`, for several. A route has either this or `topic`.",
            example: #"topics: [^metrics\..*, legacy-metrics]"#),
        Field(
            "transform", .any, required: true,
            documentation: """
                What turns records into messages: a transformer's name, its name with options, as in \
                `transform: { aggregate: { windows: [1min] } }`, or a list of such steps, run in order.
                """,
            example: "transform: token"),
        Field(
            "type", .string(),
            documentation: """
                The `type` of the messages. When left out, that of the last transformer that has one of its own, else \
                `message`.
                """,
            example: "type: token_info"),
        Field(
            "channel", .list(.string(), minimumCount: 1),
            documentation: """
                Channel that gets the messages, or a list of channels that all get them. A name with placeholders, as in \
                `trades.{Token}`, is a template that makes one channel per value. A route has either this or `channels`.
                """,
            example: "channel: dashboard"),
        Field(
            "channels", .list(.string(), minimumCount: 1),
            documentation: "The same as `channel`, for several. A route has either this or `channel`.",
            example: #"channels: [dashboard, "trades.{Token}"]"#),
        Field(
            "max_channels", .integer(channelCounts), unit: "channels",
            documentation: """
                How many channels the templates of this route may make; a message that would need one more \
                is counted as `channel_limit`. `defaults.max_channels` when left out.
                """,
            example: "max_channels: 10000"),
        Field(
            "channel_idle", .duration(milliseconds: idleTimes),
            documentation: """
                A channel made by a template of this route is retired when it has had neither a subscriber nor a message for \
                this long. `defaults.channel_idle` when left out.
                """,
            example: "channel_idle: 10m"),
        Field(
            "on_error", .choice(ErrorPolicy.words),
            documentation: """
                What happens to a record that the route refuses, besides being counted and logged: nothing (`skip`), it is \
                written to the topic that the key `dead_letter` names (`dead_letter`), or its own topic is halted at that \
                record until the next reload (`stop`). `defaults.on_error` when left out.
                """,
            example: "on_error: dead_letter"),
        Field(
            "dead_letter", .string(),
            documentation: """
                Topic for refused records, on the route's cluster; only with `on_error: dead_letter`. \
                `defaults.dead_letter` when left out.
                """,
            example: "dead_letter: patchbay.dead-letter"),
        Field(
            "tombstones", .choice(TombstonePolicy.words),
            documentation: """
                What becomes of records without a value, by which Kafka says that a key is deleted: they are counted and nothing \
                more (`ignore`), refused like any bad record (`reject`), or told to clients (`message`): a message of the \
                route's type with `"data":null,"deleted":true,"key":"…"`. `defaults.tombstones` when left out.
                """,
            example: "tombstones: message"),
        Field(
            "tests", .list(.object(RouteTest.fields)),
            documentation: "Test records with their expected outcomes; `patchbay test` runs them.",
            example: "tests: [{ input: { level: info }, expect: [] }]"),
    ]
}

// MARK: Differences

extension RouteSettings {
    /// Whether a running route need not be touched; its tests and its place in the file don't matter.
    public func isEquivalent(to other: RouteSettings) -> Bool { Self.aspects.allSatisfy { $0.isSame(self, other) } }

    /// One thing that two routes may differ in.
    struct Aspect: Sendable {
        /// As a difference calls it.
        let name: String
        let isSame: @Sendable (RouteSettings, RouteSettings) -> Bool
        /// In words, without secrets.
        let describe: @Sendable (RouteSettings) -> String

        init<Value: Equatable & SendableMetatype>(
            _ name: String, secrets: [String] = [], _ value: @escaping @Sendable (RouteSettings) -> Value,
            _ describe: @escaping @Sendable (RouteSettings) -> String
        ) {
            self.name = name
            // By value: two lists may read alike when they are written out.
            // And never as a `String`: canonically equal names are different ones.
            isSame = { value($0) == value($1) }
            self.describe = { $0.secrets.isDisjoint(with: secrets) ? describe($0) : SecretMask.text }
        }
    }

    /// Whether anything about it came out of a secret file, or of a variable that the load hides: what the route makes of
    /// records would tell it.
    public var holdsSecrets: Bool { !secrets.isEmpty || steps.contains { !$0.secretOptions.isEmpty || $0.hasSecretName } }

    /// Its name, masked when it came out of a secret file.
    public var shownName: String {
        // Without a name of its own it has its topics'.
        secrets.isDisjoint(with: ["name", "topic", "topics"]) ? name : SecretMask.text
    }

    /// What it takes, masked when it came out of a secret file.
    public var shownTopics: String {
        secrets.isDisjoint(with: ["topic", "topics"]) ? topics.map(\.text).joined(separator: ", ") : SecretMask.text
    }

    /// The topic of its dead letters, masked when it came out of a secret file; `nil` without one.
    public var shownDeadLetterTopic: String? {
        guard case .deadLetter(let topic) = onError else { return nil }
        return secrets.contains("dead_letter") ? SecretMask.text : topic
    }

    static let aspects = [
        Aspect("enabled", secrets: ["enabled"], \.isEnabled) { "\($0.isEnabled)" },
        Aspect("cluster", secrets: ["cluster"], { ByteString($0.cluster) }) { $0.cluster },
        Aspect("topics", secrets: ["topic", "topics"], \.topics) { $0.shownTopics },
        Aspect("transform", { $0.steps.map(\.identity) }) { $0.steps.map(\.described).joined(separator: " → ") },
        Aspect("type", secrets: ["type"], { ByteString($0.type) }) { $0.type },
        Aspect("channels", secrets: ["channel", "channels"], \.channels) { $0.channels.map(\.text).joined(separator: ", ") },
        Aspect("max_channels", secrets: ["max_channels"], \.maxChannels) { "\($0.maxChannels)" },
        Aspect("channel_idle", secrets: ["channel_idle"], \.channelIdle) { "\($0.channelIdle)" },
        Aspect("buffer of its templates", secrets: ["buffer"], \.templateBuffer) { "\($0.templateBuffer)" },
        Aspect("on_error", secrets: ["on_error", "dead_letter"], \.onError) { $0.onError.described },
        Aspect("tombstones", secrets: ["tombstones"], \.tombstones) { $0.tombstones.rawValue },
    ]
}

extension TombstonePolicy {
    /// As a key says it.
    static let words = allCases.map(\.rawValue)
}

extension ErrorPolicy {
    /// As a key says it.
    static let words = ["skip", "dead_letter", "stop"]

    fileprivate var described: String {
        switch self {
        case .skip: "skip"
        case .stop: "stop"
        case .deadLetter(let topic): "dead_letter to \(topic)"
        }
    }
}
