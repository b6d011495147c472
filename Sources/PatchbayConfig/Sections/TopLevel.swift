public import PatchbayAPI
import PatchbaySettings

/// Every key of the configuration file, declared once.
public enum ConfigFields {
    /// The keys of the file's top level, in the order in which the reference lists them.
    public static let root: [Field] = [
        Field(
            "version", .integer(1...1), required: true,
            documentation: "Version of this format. Always 1.",
            example: "version: 1"),
        Field(
            "include", .list(.string(), minimumCount: 1),
            documentation: """
                Further files, by path or pattern (`*`, `?` and `[…]`), relative to this file. They hold `routes` and \
                `channels`, and may include others.
                """,
            example: "include: [conf.d/*.yaml]"),
        Field(
            ServerSettings.section.name, .object(ServerSettings.section.fields),
            documentation: "Where clients connect, and what resources one client may use."),
        Field(
            LimitSettings.section.name, .object(LimitSettings.section.fields),
            documentation: "What one client, or one address, may ask of the server."),
        Field(
            AdminSettings.section.name, .object(AdminSettings.section.fields),
            documentation: "Where operators' tools connect: `/health`, `/metrics` and `POST /-/reload`."),
        Field(
            ReloadSettings.section.name, .object(ReloadSettings.section.fields),
            documentation: "How configuration changes are applied."),
        Field(
            AlertSettings.section.name, .object(AlertSettings.section.fields),
            documentation: "When to alert that records are read late, and where to send alerts."),
        Field(
            KafkaSettings.section.name, .object(KafkaSettings.fields),
            documentation: "Where records come from."),
        PluginSettings.field,
        Field(
            "defaults", .object(Defaults.fields),
            documentation: "What routes and channels inherit unless they say otherwise."),
        Field(
            "channels", .dictionary(.object(ChannelSettings.fields)),
            documentation: """
                Settings of individual channels, by name, or by template as written in the routes. List only channels that \
                need settings; every other channel exists because a route names it.
                """,
            example: "channels: { dashboard: { buffer: 500 } }"),
        Field(
            "routes", .list(.object(RouteSettings.fields)),
            documentation: """
                What happens to the records of which topics. The file and the files it includes need at least one route \
                between them; when several routes take a topic, all of them run.
                """,
            example: "routes: [{ topic: trade-info, transform: trade, channel: dashboard }]"),
    ]

    /// The keys of a file that another one includes.
    public static let included: [Field] = ["version", "include", "channels", "routes"].compactMap { name in
        guard let field = root.first(where: { $0.name == name }) else { return nil }
        return name == "version"
            ? Field(name, field.kind, documentation: field.documentation, example: field.example) : field
    }
}
