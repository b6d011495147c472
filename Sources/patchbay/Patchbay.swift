import ArgumentParser

/// The command line.
@main
struct Patchbay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patchbay",
        abstract: "Routes Kafka topics to WebSocket channels, as routes.yaml says.",
        discussion: """
            Exit codes: 0 fine; 64 wrong command line; 69 a needed service is not there; 70 internal error; \
            78 bad configuration.
            """,
        version: "0.1.0",
        subcommands: [ServeCommand.self, DemoCommand.self, ProduceCommand.self, TapCommand.self, HealthCommand.self])
}
