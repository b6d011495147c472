import PatchbayAPI

extension ConfigFields {
    /// Keys of `defaults`.
    public static let defaults: [Field] = [
        Field(
            "buffer", .integer(1...1_000_000), default: .integer(100), unit: "messages", environment: "MESSAGE_BUFFER_SIZE",
            documentation: """
                Messages a slow client may fall behind on a channel before the oldest are dropped for it. Holds for every \
                channel without a `buffer` of its own.
                """,
            example: "buffer: 100")
    ]

    /// Keys of one entry of `channels`.
    public static let channel: [Field] = [
        Field(
            "buffer", .integer(1...1_000_000), unit: "messages",
            documentation: """
                Messages a slow client may fall behind on this channel before the oldest are dropped for it. `defaults.buffer` \
                when left out.
                """,
            example: "buffer: 500"),
        Field(
            "description", .string(),
            documentation: "What clients find in the channel, for people.",
            example: "description: Everything the trading dashboard shows"),
    ]

    /// Keys of one entry of `routes`.
    public static let route: [Field] = [
        Field(
            "name", .string(),
            documentation: "Name of the route in logs and metrics, unique in the file. The topic when left out.",
            example: "name: tokens"),
        Field(
            "topic", .string(), required: true,
            documentation: "Kafka topic to read.",
            example: "topic: token-info"),
        Field(
            "transform", .any, required: true,
            documentation: """
                What makes messages of the records: a transformer's name, or its name with options, as in \
                `transform: { aggregate: { windows: [1min] } }`.
                """,
            example: "transform: token"),
        Field(
            "type", .string(),
            documentation: "The `type` of the messages. The transformer's own when left out.",
            example: "type: token_info"),
        Field(
            "channel", .string(),
            documentation: "Channel that gets the messages. A route has either this or `channels`.",
            example: "channel: dashboard"),
        Field(
            "channels", .list(.string(), minimumCount: 1),
            documentation: "Channels that all get the messages. A route has either this or `channel`.",
            example: "channels: [dashboard, trades]"),
    ]
}
