import ArgumentParser
import Foundation

/// `patchbay serve`: the router against real brokers.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Route records from Kafka to WebSocket clients until stopped by a signal.",
        discussion: """
            Exit codes: 0 after SIGTERM or Ctrl-C; 69 a port can't be listened on; 78 the file or a variable has errors; \
            130 or 143 after a second signal.
            """)

    @OptionGroup var file: ConfigurationOption

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let logger = try Logs.start(environment: environment)
        try await ServiceRun.run(path: file.config, environment: environment, logger: logger)
    }
}

/// `--config`, shared by the commands that read the file.
struct ConfigurationOption: ParsableArguments {
    @Option(name: [.short, .long], help: "The routes file.")
    var config = "routes.yaml"
}
