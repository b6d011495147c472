import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayJSON

/// Writes a commented routes.yaml to start from, with routes that fit the records of live topics when there are some.
enum Scaffold {
    /// A topic with some of its records.
    struct Topic {
        var name: String
        var records: [SampledRecord]
    }

    static func text(brokers: [String], topics: [Topic], transformers: [TransformerDefinition]) -> String {
        var text = """
            # yaml-language-server: $schema=./routes.schema.json
            # What Patchbay routes: Kafka topics, through transformers, to channels that clients subscribe to.
            #   patchbay check routes.yaml     finds every mistake
            #   patchbay explain --topic T …   shows what becomes of a record
            #   patchbay test                  runs the tests below
            # A running server takes changes of this file up by itself.
            version: 1

            kafka:
              brokers: ${KAFKA_BROKERS:-\(brokers.joined(separator: ","))}   # the environment wins over the file
              group: backend-service                # remembers how far each partition was read

            # channels:                             # only channels that need settings are listed
            #   dashboard:
            #     buffer: 500                       # messages a slow client may fall behind
            #     description: What clients find in it

            routes:

            """
        if topics.isEmpty {
            text += route(Topic(name: "my-topic", records: []), transformers)
        }
        for topic in topics { text += route(topic, transformers) }
        return text
    }

    private static func route(_ topic: Topic, _ transformers: [TransformerDefinition]) -> String {
        let name = quoted(topic.name)
        let values = topic.records.compactMap(\.value)
        let fit = transformer(for: topic, transformers)
        var text = "  - topic: \(name)\n"
        text += "    transform: \(fit.name)"
        text += fit.comment.isEmpty ? "\n" : "   # \(fit.comment)\n"
        text += "    channel: \(name)\n"
        if let field = fieldForChannels(values) {
            text += "    # channels: [\(name), \(quoted("\(topic.name).{\(field)}"))]   # a channel per value of the field, too\n"
        }
        text += "    # on_error: dead_letter                # what a record that is refused becomes; skip is the default\n"
        text += "    # dead_letter: \(quoted("\(topic.name).dead-letter"))\n"
        guard let record = topic.records.first(where: { $0.value != nil }), let value = record.value,
            let input = String(validating: value, as: UTF8.self), !input.contains(where: \.isNewline)
        else { return text + "\n" }
        text += "    tests:                                 # run by `patchbay test`\n"
        text += "      - name: a record of \(topic.name)\n"
        if let key = record.key.flatMap({ String(validating: $0, as: UTF8.self) }) {
            text += "        key: \(quoted(key))\n"
        }
        text += "        input: \(quoted(input))\n"
        text += fit.takes(record, topic.name)
            ? "        expect: [{ channel: \(name), type: \(fit.type) }]\n\n" : "        error: invalid_json\n\n"
        return text
    }

    // MARK: What fits

    private struct Fit {
        var name: String
        var type: String
        var comment: String
        /// Whether a message comes of the record.
        var takes: (SampledRecord, _ topic: String) -> Bool
    }

    /// The most particular transformer that takes every record seen.
    private static func transformer(for topic: Topic, _ transformers: [TransformerDefinition]) -> Fit {
        let fallback = "json"
        let candidates = transformers.filter { $0.defaultType != nil && $0.name != fallback }
            + transformers.filter { $0.name == fallback }
        // Tombstones say nothing about what the topic holds.
        let records = topic.records.filter { $0.value != nil }
        guard !records.isEmpty else {
            return Fit(
                name: fallback, type: "message", comment: "others: \(transformers.map(\.name).joined(separator: ", "))",
                takes: { _, _ in true })
        }
        for candidate in candidates {
            guard let takes = trial(of: candidate, topic: topic.name) else { continue }
            if records.allSatisfy({ takes($0, topic.name) }) {
                return Fit(
                    name: candidate.name, type: candidate.defaultType ?? "message",
                    comment: "fits all of the \(records.count) records looked at", takes: takes)
            }
        }
        return Fit(
            name: fallback, type: "message", comment: "careful: some of the records looked at are no JSON",
            takes: transformers.first { $0.name == fallback }.flatMap { trial(of: $0, topic: topic.name) } ?? { _, _ in false })
    }

    /// Runs records through a transformer with its defaults.
    private static func trial(
        of definition: TransformerDefinition, topic: String
    ) -> ((SampledRecord, _ topic: String) -> Bool)? {
        guard let factory = try? definition.configure(OptionValues(defaultsOf: definition.options)) else { return nil }
        let route = Route(
            name: definition.name, topic: topic, type: definition.defaultType ?? "message", channels: ["c"],
            makeTransformer: factory)
        let trial = RouteTrial(route: route, maximumRecordBytes: 100 << 20)
        return { record, topic in !trial.run(record, topic: topic).envelopes.isEmpty }
    }

    /// A text field that every record has and that comes back with the same values: what a channel could be made for.
    private static func fieldForChannels(_ values: [[UInt8]]) -> String? {
        guard !values.isEmpty else { return nil }
        var texts: [ByteString: [String]] = [:]
        var order: [String] = []
        var parser = JSONParser()
        for value in values {
            _ = value.withUnsafeBytes { bytes in
                parser.read(bytes) { root in
                    for member in root.members where member.value.type == .string {
                        let name = member.nameString
                        if texts[ByteString(name)] == nil { order.append(name) }
                        texts[ByteString(name), default: []].append(member.value.stringValue ?? "")
                    }
                }
            }
        }
        let common = order.filter { name in
            let found = texts[ByteString(name)] ?? []
            return found.count == values.count && found.allSatisfy { (1...64).contains($0.utf8.count) }
                && !name.contains(where: { "{}.@".contains($0) })
        }
        return common.first { Set((texts[ByteString($0)] ?? []).map { ByteString($0) }).count < values.count } ?? common.first
    }

    /// As YAML takes it whatever is in it: plain where that is safe, else in quotes; `$` is doubled, since `${…}` would be
    /// replaced.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        // Words that YAML would read as something else than text begin with a digit, a sign, or are few.
        let first = text.utf8.first ?? 0x30
        let isWord = (0x41...0x5A).contains(first) || (0x61...0x7A).contains(first)
        if isPlain, isWord, !["true", "false", "null", "yes", "no", "on", "off"].contains(text.lowercased()) { return text }
        return "'" + text.map { $0 == "'" ? "''" : $0 == "$" ? "$$" : String($0) }.joined() + "'"
    }
}
