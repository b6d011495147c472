import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1

/// `patchbay reload`: makes a running server take up its changed files, or say what that would do.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Make a running server load its routes file again.",
        discussion: """
            Servers watch their files by themselves unless `reload.watch` is false. With --dry-run nothing changes: the \
            server runs both the old and the new routes over the last records of each topic and reports what would \
            differ.

            Exit codes: 0 in force, or it would be; 69 the server can't be reached; 78 refused, \
            or it would be, or ADMIN_PORT is no port.
            """)

    @Flag(help: "Only say what would change.")
    var dryRun = false

    @Option(help: "The admin listener's host.")
    var host = "127.0.0.1"

    @Option(help: "The admin listener's port. Default: ADMIN_PORT, or 8081.")
    var port: Int?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 30

    @OptionGroup var format: FormatOption

    func validate() throws {
        try ServerPort.check(port)
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }

    func run() async throws {
        let port = try port ?? ServerPort.of("ADMIN_PORT", default: 8081)
        let answer: HTTPRequestOnce.Answer
        do {
            answer = try await HTTPRequestOnce.run(
                .POST, host: host, port: port, path: "/-/reload" + (dryRun ? "?dry_run=1" : ""),
                timeout: .seconds(Int64(timeout)))
        } catch {
            throw Exit.because("no answer from \(host):\(port): \(error); is admin.enabled set?", Exit.unavailable)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let report = try? decoder.decode(ReloadReport.self, from: Data(answer.body.utf8)) else {
            throw Exit.because("\(host):\(port) answers \(answer.status): \(answer.body)", Exit.unavailable)
        }
        switch format.format {
        case .text: Output.standard(report.text)
        case .json: Output.standard(answer.body + "\n")
        }
        if report.isRefusal { throw Exit.configuration }
    }
}
