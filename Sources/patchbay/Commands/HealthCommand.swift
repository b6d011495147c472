import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1

/// `patchbay health`: asks a running server, for container health checks.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Print the /health of a running server; exit 0 when it works, 69 when it does not.",
        discussion: """
            Exit codes: 0 it works; 69 it doesn't, or there is no answer; 78 PORT is no port.
            """)

    @Option(help: "The server's host.")
    var host = "127.0.0.1"

    @Option(help: "The server's port. Default: PORT, or 8080.")
    var port: Int?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 5

    func validate() throws {
        try ServerPort.check(port)
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }

    func run() async throws {
        let port = try port ?? ServerPort.of("PORT", default: 8080)
        let answer: HTTPRequestOnce.Answer
        do {
            answer = try await HTTPRequestOnce.run(
                .GET, host: host, port: port, path: "/health", timeout: .seconds(Int64(timeout)))
        } catch {
            throw Exit.because("no answer from \(host):\(port): \(error)", Exit.unavailable)
        }
        Output.standard(answer.body + "\n")
        guard answer.status == 200 else { throw Exit.unavailable }
    }
}
