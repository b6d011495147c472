import PatchbayAPI

/// What routes and channels inherit unless they say otherwise.
package enum Defaults {
    /// Keys of `defaults`.
    package static let fields: [Field] = [
        Field(
            "buffer", .integer(ChannelSettings.buffers), default: .integer(100), unit: "messages", environment: "MESSAGE_BUFFER_SIZE",
            documentation: """
                How many messages a slow client may fall behind on a channel before the oldest are dropped for it. Applies \
                to every channel without its own `buffer`.
                """,
            example: "buffer: 100"),
        Field(
            "on_error", .choice(ErrorPolicy.words), default: .string("skip"),
            documentation: """
                What happens to a record that a route refuses, besides being counted and logged: nothing (`skip`), it is \
                written to the topic that the key `dead_letter` names (`dead_letter`), or its own topic is halted (`stop`).
                """,
            example: "on_error: dead_letter"),
        Field(
            "dead_letter", .string(),
            documentation: "Topic for refused records where `on_error` is `dead_letter`, on the cluster that they come from.",
            example: "dead_letter: patchbay.dead-letter"),
        Field(
            "tombstones", .choice(TombstonePolicy.words), default: .string(TombstonePolicy.ignore.rawValue),
            documentation: """
                What becomes of records without a value, by which Kafka says that a key is deleted: they are counted and nothing \
                more (`ignore`), refused like any bad record (`reject`), or told to clients (`message`).
                """,
            example: "tombstones: message"),
        Field(
            "max_channels", .integer(RouteSettings.channelCounts), default: .integer(10_000), unit: "channels",
            documentation: "How many channels the templates of one route may make.",
            example: "max_channels: 10000"),
        Field(
            "channel_idle", .duration(milliseconds: RouteSettings.idleTimes), default: .integer(600_000),
            documentation: """
                A channel made by a template is retired when it has had neither a subscriber nor a message for this long.
                """,
            example: "channel_idle: 10m"),
    ]
}
