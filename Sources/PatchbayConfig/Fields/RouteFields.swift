import PatchbayAPI

extension ConfigFields {
    /// Keys of one entry of `routes`.
    public static let route: [Field] = [
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
            documentation: "Kafka cluster of the topics: one of `kafka.clusters`, or `default` for the one of `kafka` itself.",
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
                What makes messages of the records: a transformer's name, its name with options, as in \
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
                Channel that gets the messages, or several that all do. A name with placeholders, as in `trades.{Token}`, \
                is a template that makes a channel per value. A route has either this or `channels`.
                """,
            example: "channel: dashboard"),
        Field(
            "channels", .list(.string(), minimumCount: 1),
            documentation: "The same as `channel`, for several. A route has either this or `channel`.",
            example: #"channels: [dashboard, "trades.{Token}"]"#),
        Field(
            "max_channels", .integer(channelCounts), unit: "channels",
            documentation: """
                Channels that the templates of this route may make; what would need one more is counted as \
                `channel_limit`. `defaults.max_channels` when left out.
                """,
            example: "max_channels: 10000"),
        Field(
            "channel_idle", .duration(milliseconds: idleTimes),
            documentation: """
                Time after which a channel made by a template of this route is retired, when it had neither subscriber nor \
                message for so long. `defaults.channel_idle` when left out.
                """,
            example: "channel_idle: 10m"),
        Field(
            "on_error", .choice(errorPolicies),
            documentation: """
                What becomes of a record that the route refuses, besides being counted and logged: nothing (`skip`), it is \
                written to the topic `dead_letter`, or the topic is halted at that record until the next \
                reload (`stop`). `defaults.on_error` when left out.
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
            "tests", .list(.object(test)),
            documentation: "Records with what must become of them; `patchbay test` runs them.",
            example: "tests: [{ input: { level: info }, expect: [] }]"),
    ]
}
