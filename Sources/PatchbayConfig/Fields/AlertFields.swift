import PatchbayAPI

extension ConfigFields {
    /// Keys of `alerts`.
    public static let alerts: [Field] = [
        Field(
            "lag", .integer(1...Int64.max), unit: "records", environment: "KAFKA_LAG_THRESHOLD",
            documentation: """
                Lag of a topic, over the partitions read here, above which there is an alert: a log line when it starts and \
                ends, a metric, a reason in `/health`, and a message to the webhook. None when left out.
                """,
            example: "lag: 10000"),
        Field(
            "topics", .dictionary(.object(alertTopic)),
            documentation: "Thresholds of single topics, by name.",
            example: "topics: { trade-info: { lag: 1000 } }"),
        Field(
            "for", .duration(milliseconds: 0...86_400_000), default: .integer(5000), environment: "ALERT_FOR",
            documentation: "How long lag must be over its threshold before the alert starts.",
            example: "for: 30s"),
        Field(
            "ends_below", .number(0.01...1), default: .number(0.8),
            documentation: "Part of the threshold that lag must fall to before the alert ends, so that it doesn't flutter.",
            example: "ends_below: 0.5"),
        Field(
            "partial_assignment", .bool, default: .bool(true), environment: "ALERT_PARTIAL_ASSIGNMENT",
            documentation: """
                Whether it is an alert when this node reads only a part of a topic, because other members of the consumer group \
                read the rest.
                """,
            example: "partial_assignment: false"),
        Field(
            "settling", .duration(milliseconds: 0...3_600_000), default: .integer(30_000), environment: "ALERT_SETTLING",
            documentation: "How long an assignment must hold before a partial one is an alert; rebalances come and go.",
            example: "settling: 1m"),
        Field(
            "node", .string(), environment: "NODE_NAME",
            documentation: "What the webhook calls this process. The host's name when left out.",
            example: "node: edge-1"),
        Field(
            "webhook", .object(webhook),
            documentation: "Where alerts are sent when they start and end."),
    ]

    /// Keys of one entry of `alerts.topics`.
    static let alertTopic: [Field] = [
        Field(
            "lag", .integer(1...Int64.max), required: true, unit: "records",
            documentation: "Threshold of this topic, in place of `alerts.lag`.",
            example: "lag: 1000")
    ]

    /// Keys of `alerts.webhook`.
    static let webhook: [Field] = [
        Field(
            "url", .string(), environment: "ALERT_WEBHOOK_URL", secret: true,
            documentation: """
                Address that gets a POST with JSON when an alert starts and when it ends. Tried again with growing pauses \
                until it is taken.
                """,
            example: "url: ${file:/run/secrets/webhook}"),
        Field(
            "headers", .dictionary(.scalar), secret: true,
            documentation: "Headers sent along, such as `Authorization`.",
            example: "headers: { Authorization: \"${file:/run/secrets/token}\" }"),
    ]
}
