import ArgumentParser

/// The command line.
@main
struct Patchbay: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "patchbay",
        abstract: "Routes Kafka topics to WebSocket channels, as routes.yaml says.",
        discussion: """
            Exit codes: 0 fine; 64 wrong command line; 69 a needed service is not there; 70 internal error; \
            78 bad configuration.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, InitCommand.self, CheckCommand.self, ExplainCommand.self, TestCommand.self,
            RoutesCommand.self, ReloadCommand.self, ConfigCommand.self, SchemaCommand.self, TapCommand.self,
            ProduceCommand.self, HealthCommand.self, ReferenceCommand.self,
        ])
}
