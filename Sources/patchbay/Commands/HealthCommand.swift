import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import PatchbayRuntime

/// `patchbay health`: asks a running server, for people and for container health checks.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Report how a running server is doing: state, reasons, lag, slow clients, rejected records, what to do next.",
        discussion: """
            Without a flag it asks /health. A server that is `ok` or `degraded` works: it consumes and serves clients, and \
            exit code 0 says so. `degraded` means that the reasons need attention. `unavailable` is exit code 69: \
            no broker can be reached, a thread is stuck, or the server is shutting down.

            --live asks /health/live: is the process alive, or should it be restarted? It stays 0 while brokers are away, \
            so use it for container health checks. --ready asks /health/ready: should clients be sent there?

            Exit codes: 0 it works (`ok` or `degraded`), is live, or is ready; 69 it doesn't, or there is no answer; \
            74 standard output can't be written; 78 PORT is not a valid port.
            """)

    @Option(help: "The server's host: a name or an IP address, with its port if you like (host:port, http://host:port).")
    var host = "127.0.0.1"

    @Option(help: "The server's port. Default: PORT, or 8080.")
    var port: Int?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 5

    @Flag(help: "Only ask whether the process is alive.")
    var live = false

    @Flag(help: "Only ask whether clients should be sent there.")
    var ready = false

    @Option(help: "text for people, json for programs: the server's answer as it is.")
    var format = FormatOption.Format.text

    func validate() throws {
        try ServerPort.check(port)
        _ = try ServerAddress.option(host, port: port) { 0 }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        if live, ready { throw ValidationError("--live and --ready exclude each other") }
    }

    private var path: String { live ? "/health/live" : ready ? "/health/ready" : "/health" }

    func run() async throws {
        let address = try ServerAddress.option(host, port: port) { try ServerPort.of("PORT", default: 8080) }
        let answer: HTTPRequestOnce.Answer
        do {
            answer = try await HTTPRequestOnce.run(.GET, address, path: path, timeout: .seconds(Int64(timeout)))
        } catch {
            throw Exit.because("no answer from \(address.text): \(ErrorSentence.of(error))", Exit.unavailable)
        }
        guard let report = (try? JSONSerialization.jsonObject(with: Data(answer.body.utf8))) as? [String: Any],
            report["status"] is String
        else {
            if let error = answer.error {
                throw Exit.because("\(address.text): \(error) (HTTP status \(answer.status))", Exit.unavailable)
            }
            throw Exit.because(
                "\(address.text) answers with HTTP status \(answer.status) and no health report; is it a Patchbay, "
                    + "and is that the port for clients or the admin port?", Exit.unavailable)
        }
        switch format {
        case .json: try Output.standard(answer.body + "\n")
        case .text:
            let screen = HealthScreen(report, address: address.text)
            try Output.standard(live || ready ? screen.probe : screen.text)
        }
        guard answer.status == 200 else { throw Exit.unavailable }
    }
}
