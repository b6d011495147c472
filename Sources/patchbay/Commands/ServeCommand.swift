import ArgumentParser
import Foundation
import Logging
import PatchbayConfig
import PatchbayRuntime

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
        try await Self.serve(path: file.config, environment: environment, logger: logger)
    }

    /// `ServiceRun.run`, with what it has to say said.
    ///
    /// - Throws: the exit code, after saying why.
    static func serve(
        path: String, environment: [String: String], consumerProperties: [(name: String, value: String)] = [],
        rejoinsAfter: Duration? = nil, logger: Logger, started: (RouterService.Ports) throws -> Void = { _ in }
    ) async throws {
        do {
            try await ServiceRun.run(
                path: path, transformers: BuiltinTransformers.registered(), environment: environment,
                consumerProperties: consumerProperties, rejoinsAfter: rejoinsAfter,
                logger: logger, report: { Output.error(DiagnosticRenderer.render($0, file: path)) }, started: started)
        } catch let failure as StartFailure {
            switch failure {
            case .configuration: throw Exit.configuration
            case .port(let sentence): throw Exit.because(sentence, Exit.unavailable)
            }
        }
    }
}
