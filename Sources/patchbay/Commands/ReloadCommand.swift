import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import PatchbayConfig
import PatchbayRuntime

/// `patchbay reload`: makes a running server take up its changed files, or say what that would do.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Make a running server reload its routes file.",
        discussion: """
            Servers watch their files automatically unless `reload.watch` is false. With --dry-run nothing changes: the \
            server runs both the old and the new routes over the last records of each topic and reports what would \
            differ. With --dry-run FILE it uses that file's text in place of its own file, whose changes a server that \
            watches its files would already have applied; `include` stays relative to the server's file, and \
            findings call FILE `candidate`.

            Exit codes: 0 active, or it would be; 69 the server can't be reached; 74 standard output can't be written; \
            78 refused, or it would be, or ADMIN_PORT is not a valid port.
            """)

    @Flag(help: "Only report what would change.")
    var dryRun = false

    @Argument(help: "With --dry-run: a file to use in place of the server's own.")
    var file: String?

    @Option(help: "The admin listener's host, with its port if you like (host:port, http://host:port).")
    var host = "127.0.0.1"

    @Option(help: "The admin listener's port. Default: ADMIN_PORT, or 8081.")
    var port: Int?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 30

    @OptionGroup var format: FormatOption

    func validate() throws {
        if file != nil, !dryRun { throw ValidationError("FILE is only allowed with --dry-run") }
        try ServerPort.check(port)
        _ = try ServerAddress.option(host, port: port) { 0 }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }

    func run() async throws {
        let address = try ServerAddress.option(host, port: port) { try ServerPort.of("ADMIN_PORT", default: 8081) }
        var candidate: [UInt8] = []
        if let file { candidate = try Self.candidate(file) }
        let answer: HTTPRequestOnce.Answer
        do {
            answer = try await HTTPRequestOnce.run(
                .POST, address, path: "/-/reload" + (dryRun ? "?dry_run=1" : ""),
                body: candidate, timeout: .seconds(Int64(timeout)))
        } catch {
            throw Exit.because(
                "no answer from \(address.text): \(ErrorSentence.of(error)); is admin.enabled set?", Exit.unavailable)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let report = try? decoder.decode(ReloadReport.self, from: Data(answer.body.utf8)) else {
            let said = answer.error ?? HealthScreen.line(String(answer.body.prefix(500)))
            throw Exit.because("\(address.text): \(said) (HTTP status \(answer.status))", Exit.unavailable)
        }
        switch format.format {
        case .text: try Output.standard(report.text)
        case .json: try Output.standard(answer.body + "\n")
        }
        if report.isRefusal { throw Exit.configuration }
    }

    private static func candidate(_ path: String) throws -> [UInt8] {
        do throws(FileFailure) {
            let bytes = try FileAccess.system.read(path, ConfigurationLoader.largestFile)
            // A body of nothing would ask for a look at the server's own file.
            return bytes.isEmpty ? [0x0A] : bytes
        } catch {
            throw Exit.because("can't read \(path): \(error.reason)", Exit.configuration)
        }
    }
}
