import PatchbayAPI

/// `server` and `kafka` as values, with the checks that a field's kind can't express.
struct SettingsReader {
    let findings: Findings

    /// `nil` when something is wrong with it; it was reported.
    func server(_ object: DecodedObject) -> ServerSettings? {
        let origins = checked(object["allowed_origins"], NameRules.origin)
        guard object.failed.isEmpty, let origins, let host = object["host"]?.string,
            let port = object.int("port"), let maxClients = object.int("max_clients"),
            let readBuffer = object.int("read_buffer"), let writeBuffer = object.int("write_buffer"),
            let maxMessage = object.int("max_message"), let handshakeTimeout = object.duration("handshake_timeout"),
            let pingInterval = object.duration("ping_interval"), let drainTimeout = object.duration("drain_timeout"),
            let eventLoops = object.int("event_loops")
        else { return nil }
        return ServerSettings(
            host: host, port: port, maxClients: maxClients, readBuffer: readBuffer, writeBuffer: writeBuffer,
            maxMessage: maxMessage, handshakeTimeout: handshakeTimeout, pingInterval: pingInterval,
            drainTimeout: drainTimeout, eventLoops: eventLoops, allowedOrigins: origins)
    }

    /// `nil` when something is wrong with it; it was reported.
    func kafka(_ object: DecodedObject) -> KafkaSettings? {
        let brokers = checked(object["brokers"], NameRules.broker)
        let properties = object["properties"]?.entries.compactMap(property) ?? []
        guard object.failed.isEmpty, let brokers, let group = object["group"]?.string,
            let batchSize = object.int("batch_size"), let maxRecord = object.int("max_record")
        else { return nil }
        return KafkaSettings(
            brokers: brokers, group: group, batchSize: batchSize, maxRecord: maxRecord, properties: properties)
    }

    /// librdkafka's names for what has a key of its own; set twice, one of them would silently lose.
    private static let ownKeys = [
        "bootstrap.servers": "brokers", "metadata.broker.list": "brokers", "group.id": "group",
    ]

    private func property(_ entry: DecodedEntry) -> KafkaProperty? {
        if let key = Self.ownKeys[entry.name] {
            findings.add(
                "property `\(entry.name)` is set by `kafka.\(key)`", at: entry.position, hint: "write `\(key): …` instead")
            return nil
        }
        guard let text = entry.value.string else { return nil }
        return KafkaProperty(
            name: entry.name, value: text, position: entry.position,
            valuePosition: entry.value.source.position ?? entry.position, isSecret: entry.value.subject.isSecret)
    }

    private func checked(_ list: DecodedValue?, _ rule: (String) -> NameRules.Objection?) -> [String]? {
        guard let list else { return nil }
        var isComplete = true
        var result: [String] = []
        for item in list.items {
            guard let text = item.string else { continue }
            if let objection = rule(text) {
                findings.add(
                    objection.problem, found: Shown.quoted(text), about: item.subject, from: item.source,
                    hint: item.subject.isSecret ? nil : objection.hint)
                isComplete = false
            }
            result.append(text)
        }
        return isComplete ? result : nil
    }
}

extension DecodedObject {
    fileprivate func int(_ name: String) -> Int? { self[name]?.integer.map { Int($0) } }

    fileprivate func duration(_ name: String) -> Duration? { self[name]?.integer.map { .milliseconds($0) } }
}
