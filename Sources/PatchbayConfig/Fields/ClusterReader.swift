import PatchbayAPI

/// `kafka` with its further clusters as values, with the checks that a field's kind can't express.
struct ClusterReader {
    let checks: ConfigurationChecks
    let findings: Findings

    /// The default cluster, then the others in the order of the file; `nil` when something is wrong, and then it was
    /// reported.
    func read(_ kafka: DecodedObject) -> [KafkaSettings]? {
        let main = settings(kafka, name: KafkaSettings.defaultName, path: "kafka", inherited: nil)
        let others = (kafka["clusters"]?.entries ?? []).map { entry -> KafkaSettings? in
            let isRight = hasRightName(entry)
            guard let object = entry.value.object else { return nil }
            let settings = settings(object, name: entry.name, path: "kafka.clusters.\(DisplayText.plain(entry.name))", inherited: kafka)
            return isRight ? settings : nil
        }
        let all = ([main] + others).compactMap(\.self)
        return all.count == others.count + 1 ? all : nil
    }

    private func hasRightName(_ entry: DecodedEntry) -> Bool {
        if entry.name.hasSameBytes(as: KafkaSettings.defaultName) {
            findings.add(
                "`default` is the cluster that `kafka` itself describes", at: entry.position,
                hint: "set it up under `kafka`, or take another name")
            return false
        }
        guard let objection = NameRules.plainName(entry.name) else { return true }
        findings.add("cluster name \(DisplayText.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
        return false
    }

    private func settings(
        _ object: DecodedObject, name: String, path: String, inherited: DecodedObject?
    ) -> KafkaSettings? {
        let brokers = findings.checked(object["brokers"]?.items, NameRules.broker)
        let properties = object["properties"]?.entries.compactMap { property($0, path: path) } ?? []
        judge(properties)
        func value(_ key: String) -> DecodedValue? { object[key] ?? inherited?[key] }
        guard object.failed.isEmpty || object.failed == ["clusters"], let brokers, let group = value("group")?.string,
            let batchSize = value("batch_size")?.integer, let maxRecord = value("max_record")?.integer,
            let deadLetterTimeout = value("dead_letter_timeout")?.integer
        else { return nil }
        var secrets = object.secrets
        for key in ["group", "batch_size", "max_record", "dead_letter_timeout"] where object[key] == nil && inherited?[key]?.isSecret == true {
            secrets.insert(key)
        }
        return KafkaSettings(
            name: name, brokers: brokers, group: group, batchSize: Int(batchSize), maxRecord: Int(maxRecord),
            deadLetterTimeout: Int(deadLetterTimeout), properties: properties, secrets: secrets)
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
        let own = near.flatMap { Self.ownKeys[$0] }
        findings.add(
            "librdkafka has no property \(DisplayText.quoted(property.name))", at: property.position,
            hint: own.map { "did you mean the key `\($0)`?" } ?? near.map { "did you mean `\($0)`?" }
                ?? "see librdkafka's CONFIGURATION.md for its properties")
    }

    /// librdkafka's names for what has a key of its own; set twice, one of them would silently lose.
    private static let ownKeys = [
        "bootstrap.servers": "brokers", "metadata.broker.list": "brokers", "group.id": "group",
    ]

    private func property(_ entry: DecodedEntry, path: String) -> KafkaProperty? {
        if let key = Self.ownKeys[entry.name] {
            findings.add(
                "property `\(entry.name)` is set by `\(path).\(key)`", at: entry.position, hint: "write `\(key): …` instead")
            return nil
        }
        guard let text = entry.value.string else { return nil }
        return KafkaProperty(
            name: entry.name, value: text, position: entry.position,
            valuePosition: entry.value.source.position ?? entry.position, isSecret: entry.value.isSecret)
    }
}
