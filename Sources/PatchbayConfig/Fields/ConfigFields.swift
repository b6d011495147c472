import PatchbayAPI

/// Every key of the configuration file, declared once.
public enum ConfigFields {
    /// The keys of the file's top level, in the order in which the reference lists them.
    public static let root: [Field] = [
        Field(
            "version", .integer(1...1), required: true,
            documentation: "Version of this format. Always 1.",
            example: "version: 1"),
        Field(
            "server", .object(server),
            documentation: "Where clients connect, and what one of them may cost."),
        Field(
            "kafka", .object(kafka),
            documentation: "Where records come from."),
        Field(
            "defaults", .object(defaults),
            documentation: "What channels inherit unless they say otherwise."),
        Field(
            "channels", .dictionary(.object(channel)),
            documentation: """
                Settings of single channels, by name. Only channels that need settings are listed; every other channel exists \
                because a route names it.
                """,
            example: "channels: { dashboard: { buffer: 500 } }"),
        Field(
            "routes", .list(.object(route), minimumCount: 1), required: true,
            documentation: "What becomes of the records of which topic. At least one; several routes of one topic all run.",
            example: "routes: [{ topic: trade-info, transform: trade, channel: dashboard }]"),
    ]

    /// Keys of the documented format that this version refuses because it doesn't read them yet.
    static let planned: Set<String> = ["topics", "on_error", "dead_letter", "enabled", "tests", "include"]
}
