import ArgumentParser
import Foundation
import PatchbayConfig
import PatchbayRuntime

/// `patchbay test`: runs the tests that routes carry.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the `tests` of the routes, and report what no test covers.",
        discussion: """
            Makes no network connections.

            Exit codes: 0 all tests pass (or there are none); 1 a test fails; 78 a routes file has errors.
            """)

    @Argument(help: "Routes files; routes.yaml when none is given.")
    var files: [String] = []

    @OptionGroup var format: FormatOption

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        // All are read before one is given up, so that all that is wrong is said.
        let loaded = (files.isEmpty ? ["routes.yaml"] : files).map { file in
            (file: file, result: Result { try ConfigurationFile.load(file, environment: environment) })
        }
        let reports = try loaded.map { RouteTestReport(file: $0.file, try $0.result.get()) }
        try format.print(text: reports.map(\.text).joined(), json: reports)
        if reports.contains(where: { $0.failed > 0 }) { throw ExitCode(1) }
    }
}
