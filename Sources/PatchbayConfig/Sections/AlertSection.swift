import PatchbayAPI
import PatchbaySettings

extension AlertSettings: SectionSettings {
    /// `alerts`.
    package static let section = Section<AlertSettings>("alerts") {
        Setting(
            "lag", \.lag, .integer(1...Int64.max), unit: "records", environment: "KAFKA_LAG_THRESHOLD", live: true,
            documentation: """
                Lag of a topic, over the partitions read here, above which an alert starts: a log line when it starts and \
                ends, a metric, a reason in `/health`, and a message to the webhook. No alert when left out.
                """,
            example: "lag: 10000")
        Setting(
            Field(
                "topics", .dictionary(.object([topicLag])),
                documentation: "Thresholds for individual topics, by name.",
                example: "topics: { trade-info: { lag: 1000 } }"),
            \.topics, live: true, read: { readTopics($0, $1.findings) }, isSame: { $0 == $1 }, text: { "\($0)" })
        Setting(
            "for", \.lagFor, .duration(milliseconds: 0...86_400_000), environment: "ALERT_FOR",
            documentation: "How long lag must be over its threshold before the alert starts.",
            example: "for: 30s")
        Setting(
            "ends_below", \.endsBelow, .number(0.01...1),
            documentation: "Fraction of the threshold that lag must fall to before the alert ends, so that it doesn't flap.",
            example: "ends_below: 0.5")
        Setting(
            "partial_assignment", \.watchesAssignment, .bool, environment: "ALERT_PARTIAL_ASSIGNMENT",
            documentation: """
                Whether an alert starts when this node reads only part of a topic because other members of the consumer group \
                read the rest.
                """,
            example: "partial_assignment: false")
        Setting(
            "settling", \.settling, .duration(milliseconds: 0...3_600_000), environment: "ALERT_SETTLING",
            documentation: "How long an assignment must be stable before a partial one becomes an alert, since rebalances come and go.",
            example: "settling: 1m")
        Setting(
            "node", \.node, .string(), environment: "NODE_NAME",
            documentation: "Name of this process in webhook messages. The host name when left out.",
            example: "node: edge-1")
        Setting(
            Field(
                "webhook", .object([url, headers]),
                documentation: "Where alerts are sent when they start and end."),
            \.webhook, read: { value, reading in value.object.flatMap { readWebhook($0, reading) } },
            isSame: { ($0?.lines ?? []).hasSameBytes(as: $1?.lines ?? []) }, text: { $0?.lines.first ?? "" })
    }

    // MARK: Thresholds of topics

    /// Of an entry of `alerts.topics`.
    private static let topicLag = Field(
        "lag", .integer(1...Int64.max), required: true, unit: "records",
        documentation: "Threshold of this topic, in place of `alerts.lag`.",
        example: "lag: 1000")

    /// `nil` when something is wrong with one; it was reported.
    private static func readTopics(_ value: DecodedValue, _ findings: Findings) -> [String: Int64]? {
        var topics: [String: Int64] = [:]
        for entry in value.entries {
            if let objection = NameRules.topic(entry.name) {
                findings.add(
                    "topic \(DisplayText.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
                return nil
            }
            guard let lag = entry.value.object?[topicLag.name]?.integer else { return nil }
            topics[entry.name] = lag
        }
        return topics
    }

    /// Changes of thresholds, which a running process takes up.
    static func changedThresholds(_ old: AlertSettings, _ new: AlertSettings) -> [ConfigurationDifference.Change] {
        /// - Parameter key: of `alerts`, below which the value is; secret as a whole when anything below it is.
        func change(_ name: String, below key: String, _ before: Int64?, _ after: Int64?) -> ConfigurationDifference.Change? {
            guard before != after else { return nil }
            let shown = [before, after].map { $0.map(String.init) ?? "none" }
            return ConfigurationDifference.Change(
                kind: "setting", name: "\(section.name).\(name)", action: .changed,
                details: new.secrets.contains(key) || old.secrets.contains(key)
                    ? [SecretMask.text] : ["\(shown[0]) → \(shown[1])"],
                needsRestart: false)
        }
        let (lag, topics) = (section.field(\.lag), section.field(\.topics))
        let names = Set(old.topics.keys).union(new.topics.keys).sorted()
        return [change(lag, below: lag, old.lag, new.lag)].compactMap(\.self)
            + names.compactMap { change("\(topics).\($0).\(topicLag.name)", below: topics, old.topics[$0], new.topics[$0]) }
    }

    // MARK: The webhook

    /// Of `alerts.webhook`.
    private static let url = Field(
        "url", .string(), environment: "ALERT_WEBHOOK_URL", secret: true,
        documentation: """
            URL that receives a POST with JSON when an alert starts and when it ends. Retried with increasing delays \
            until it is accepted.
            """,
        example: "url: ${file:/run/secrets/webhook}")
    private static let headers = Field(
        "headers", .dictionary(.scalar), secret: true,
        documentation: "Headers to send with it, such as `Authorization`.",
        example: "headers: { Authorization: \"${file:/run/secrets/token}\" }")

    /// `nil` when something is wrong with it, and then it was reported; `.some(nil)` for no webhook.
    private static func readWebhook(_ object: DecodedObject, _ reading: SectionReading) -> Webhook?? {
        guard isRight(object, reading) else { return nil }
        guard let value = object[url.name] else {
            guard let place = object.keys[headers.name] else { return .some(nil) }
            reading.findings.add("`headers` needs a `url` to send them to", at: place, hint: "add `url: https://…`")
            return nil
        }
        guard let text = value.string else { return nil }
        let pairs = (object[headers.name]?.entries ?? []).compactMap { entry in entry.value.string.map { (entry.name, $0) } }
        return Webhook(url: text, headers: Dictionary(pairs) { first, _ in first })
    }

    /// What is wrong with a webhook is reported.
    private static func isRight(_ webhook: DecodedObject, _ reading: SectionReading) -> Bool {
        let (checks, findings) = (reading.checks, reading.findings)
        let before = findings.errorCount
        if let value = webhook[url.name], let text = value.string, let problem = checks.webhookURL(text) {
            findings.add(
                problem, found: nil, about: value.subject, from: value.source, hint: "for example `url: https://hooks.example.com/x`")
        }
        for header in webhook[headers.name]?.entries ?? [] {
            guard let value = header.value.string, let problem = checks.webhookHeader(header.name, value) else { continue }
            findings.add(problem, at: header.position, hint: "for example `headers: { Authorization: … }`")
        }
        return findings.errorCount == before
    }
}

extension AlertSettings.Webhook {
    /// What two of them may differ in.
    fileprivate var lines: [String] { [url] + headers.map { "\($0.key): \($0.value)" }.sortedByBytes() }
}

extension AlertSettings {
    /// These settings of a running process, with the thresholds of others.
    public func takingUp(_ next: AlertSettings) -> AlertSettings { Self.section.takingUp(next, into: self) }
}
