import PatchbayAPI

/// One Kafka cluster that records come from.
public struct KafkaSettings: Sendable, Equatable, SectionSettings {
    /// The name of the cluster that `kafka` itself describes.
    public static let defaultName = "default"

    /// As routes name it in `cluster`.
    public package(set) var name = KafkaSettings.defaultName
    /// At least one `host:port`.
    public package(set) var brokers = ["localhost:9092"]
    /// The consumer group.
    public package(set) var group = "backend-service"
    /// Records per poll.
    public package(set) var batchSize = 100
    /// Bytes of the largest record routed.
    public package(set) var maxRecord = 1 << 20
    /// Milliseconds that brokers have to take a dead letter; 0 for as long as it takes.
    public package(set) var deadLetterTimeout = 300_000
    /// Properties for librdkafka, in the order of the file, not yet checked by it.
    public package(set) var properties: [KafkaProperty] = []
    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    package init() {}

    /// Whether a consumer can go on as it is; where the settings stand in the file doesn't matter.
    public func isEquivalent(to other: KafkaSettings) -> Bool {
        name.hasSameBytes(as: other.name) && Self.section.settings.allSatisfy { $0.isSame(self, other) }
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

// MARK: Keys

extension KafkaSettings {
    /// Keys of `kafka`: those of its own cluster, and the further ones.
    package static let fields = section.fields + [clusters]

    /// `kafka` without the further clusters.
    package static let section = Section<KafkaSettings>("kafka") {
        brokersKey
        groupKey
        batchSizeKey
        maxRecordKey
        deadLetterTimeoutKey
        propertiesKey
    }

    /// One entry of `kafka.clusters`. What it leaves out, it has of `kafka`; its properties and its brokers are its own.
    package static let cluster = Section<KafkaSettings>("cluster") {
        brokersKey.elsewhere(
            inherited: false, required: true,
            documentation: "Bootstrap brokers of this cluster, each as `host:port`.",
            example: "brokers: [audit1:9092, audit2:9092]")
        groupKey.elsewhere(
            inherited: true,
            documentation: "Consumer group on this cluster. `kafka.group` when left out.")
        batchSizeKey.elsewhere(
            inherited: true,
            documentation: "Maximum number of records taken from this cluster at a time. `kafka.batch_size` when left out.")
        maxRecordKey.elsewhere(
            inherited: true,
            documentation: "Size of the largest record of this cluster that is routed. `kafka.max_record` when left out.")
        deadLetterTimeoutKey.elsewhere(
            inherited: true,
            documentation: """
                Time that the brokers of this cluster have to accept a refused record. `kafka.dead_letter_timeout` when left out.
                """)
        propertiesKey
    }

    static let clusters = Field(
        "clusters", .dictionary(.object(cluster.fields)),
        documentation: """
            Further clusters, by the name that routes use for them (`cluster: NAME`). `default` is the one that `kafka` \
            itself describes.
            """,
        example: "clusters: { audit: { brokers: [audit1:9092] } }")

    private static let brokersKey = Setting<KafkaSettings>(
        "brokers", \.brokers, .list(.string(), minimumCount: 1), rule: NameRules.broker, environment: "KAFKA_BROKERS",
        documentation: """
            Bootstrap brokers, each as `host:port`; the rest of the cluster is discovered through them. One is enough; two \
            or three survive the loss of one.
            """,
        example: "brokers: [kafka1:9092, kafka2:9092]")
    private static let groupKey = Setting<KafkaSettings>(
        "group", \.group, .string(), environment: "KAFKA_CONSUMER_GROUP",
        documentation: """
            Consumer group. It remembers how far each partition has been read; the members of a group share the \
            partitions.
            """,
        example: "group: backend-service")
    private static let batchSizeKey = Setting<KafkaSettings>(
        "batch_size", \.batchSize, .integer(1...10_000), unit: "records", environment: "KAFKA_BATCH_SIZE",
        documentation: "Maximum number of records taken from Kafka at a time. A larger batch costs less per record.",
        example: "batch_size: 100")
    private static let maxRecordKey = Setting<KafkaSettings>(
        "max_record", \.maxRecord, .size(bytes: 1024...(100 << 20)), unit: "bytes", environment: "MAX_RECORD_SIZE",
        documentation: "Size of the largest record that is routed. A larger one is rejected, logged and counted.",
        example: "max_record: 1MiB")
    private static let deadLetterTimeoutKey = Setting<KafkaSettings>(
        "dead_letter_timeout", \.deadLetterTimeout, .duration(milliseconds: 1000...86_400_000),
        zero: "as long as it takes", environment: "DEAD_LETTER_TIMEOUT",
        documentation: """
            Time that brokers have to accept a refused record of a route with `on_error: dead_letter`. The record is not \
            committed before, and its topic is paused once that takes longer than two seconds. After this time the record is \
            given up, counted as lost and logged.
            """,
        example: "dead_letter_timeout: 5m")
    fileprivate static let propertiesKey = Setting<KafkaSettings>(
        Field(
            "properties", .dictionary(.scalar),
            documentation: """
                Any property of librdkafka, such as those for TLS and SASL. librdkafka checks them when the configuration is \
                checked. They apply to this cluster only.
                """,
            example: "properties: { security.protocol: ssl }"),
        \.properties, read: { PropertyReader($1).read($0) },
        isSame: { $0.map(\.name).hasSameBytes(as: $1.map(\.name)) && $0.map(\.value).hasSameBytes(as: $1.map(\.value)) },
        text: { $0.map(\.name).joined(separator: ", ") })
}

// MARK: Reading

extension KafkaSettings {
    /// The default cluster, then the others in the order of the file; `nil` when something is wrong, and then it was
    /// reported.
    static func read(_ kafka: DecodedObject, _ reading: SectionReading) -> [KafkaSettings]? {
        let main = section.read(kafka, reading)
        let others = (kafka[clusters.name]?.entries ?? []).map { entry -> KafkaSettings? in
            let isRight = hasRightName(entry, reading.findings)
            guard let object = entry.value.object else { return nil }
            var settings = cluster.read(object, inheriting: kafka, reading)
            settings?.name = entry.name
            return isRight ? settings : nil
        }
        let all = ([main] + others).compactMap(\.self)
        return all.count == others.count + 1 ? all : nil
    }

    private static func hasRightName(_ entry: DecodedEntry, _ findings: Findings) -> Bool {
        if entry.name.hasSameBytes(as: defaultName) {
            findings.add(
                "`default` is the cluster that `kafka` itself describes", at: entry.position,
                hint: "set it up under `kafka`, or use another name")
            return false
        }
        guard let objection = NameRules.plainName(entry.name) else { return true }
        findings.add("cluster name \(DisplayText.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
        return false
    }

    /// librdkafka's names for what has a key of its own; set twice, one of them would silently lose.
    fileprivate static let ownKeys = [
        "bootstrap.servers": brokersKey.field.name, "metadata.broker.list": brokersKey.field.name, "group.id": groupKey.field.name,
    ]
}

/// `properties` of a cluster, with what librdkafka has against them.
private struct PropertyReader {
    private let checks: ConfigurationChecks
    private let findings: Findings

    init(_ reading: SectionReading) {
        checks = reading.checks
        findings = reading.findings
    }

    /// The right ones; the others were reported.
    func read(_ value: DecodedValue) -> [KafkaProperty] {
        let place = Self.place(ofCluster: value.subject.path)
        let properties = value.entries.compactMap { property($0, place: place) }
        judge(properties)
        return properties
    }

    /// What a message calls the cluster with the properties at a path: `kafka`, or `kafka.clusters.NAME`.
    private static func place(ofCluster path: String) -> String {
        let cluster = path.utf8.dropLast(KafkaSettings.propertiesKey.field.name.utf8.count + 1)
        let further = "\(KafkaSettings.section.name).\(KafkaSettings.clusters.name)."
        guard cluster.starts(with: further.utf8) else { return String(Substring(cluster)) }
        return further + DisplayText.plain(String(Substring(cluster.dropFirst(further.utf8.count))))
    }

    /// What librdkafka has against a cluster's properties, at their places.
    private func judge(_ properties: [KafkaProperty]) {
        guard !properties.isEmpty else { return }
        let secrets = properties.lazy.filter { $0.isSecret && !$0.value.isEmpty }.map(\.value)
        for problem in checks.properties(properties.map { ($0.name, $0.value) }) {
            let property = properties[problem.index]
            if problem.isUnknownName {
                reportUnknown(property)
                continue
            }
            // librdkafka repeats values in its messages, which secrets must not be.
            let mustHide = property.isSecret || secrets.contains { problem.message.contains($0) }
            findings.add(
                "property \(DisplayText.quoted(property.name)): \(mustHide ? "librdkafka refuses its value" : problem.message)",
                at: property.valuePosition, hint: "see librdkafka's CONFIGURATION.md for its values")
        }
    }

    private func reportUnknown(_ property: KafkaProperty) {
        let near = findings.nearest(to: property.name, among: checks.propertyNames())
        // Its value may be what it would be under the right name.
        if let near, SecretNames.contains(near) { findings.withholdLine(at: property.valuePosition) }
        let own = near.flatMap { KafkaSettings.ownKeys[$0] }
        findings.add(
            "librdkafka has no property \(DisplayText.quoted(property.name))", at: property.position,
            hint: own.map { "did you mean the key `\($0)`?" } ?? near.map { "did you mean `\($0)`?" }
                ?? "see librdkafka's CONFIGURATION.md for its properties")
    }

    private func property(_ entry: DecodedEntry, place: String) -> KafkaProperty? {
        if let key = KafkaSettings.ownKeys[entry.name] {
            findings.add(
                "property `\(entry.name)` is set by `\(place).\(key)`", at: entry.position, hint: "write `\(key): …` instead")
            return nil
        }
        guard let text = entry.value.string else { return nil }
        return KafkaProperty(
            name: entry.name, value: text, position: entry.position,
            valuePosition: entry.value.source.position ?? entry.position, isSecret: entry.value.isSecret)
    }
}
