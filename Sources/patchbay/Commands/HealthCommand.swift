import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// `patchbay health`: asks a running server, for container health checks.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Print the /health of a running server; exit 0 when it works, 69 when it does not.")

    @Option(help: "The server's host.")
    var host = "127.0.0.1"

    @Option(help: "The server's port. Default: PORT, or 8080.")
    var port: Int?

    @Option(help: "Seconds to wait for the answer.")
    var timeout = 5

    func validate() throws {
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }

    func run() async throws {
        let port = port ?? ProcessInfo.processInfo.environment["PORT"].flatMap(Int.init) ?? 8080
        let answer: (status: UInt, body: String)
        do {
            answer = try await HTTPGet.run(host: host, port: port, path: "/health", timeout: .seconds(Int64(timeout)))
        } catch {
            throw Exit.because("no answer from \(host):\(port): \(error)", Exit.unavailable)
        }
        Output.standard(answer.body + "\n")
        guard answer.status == 200 else { throw Exit.unavailable }
    }
}

/// One GET request over a connection of its own.
enum HTTPGet {
    /// - Throws: when there is no complete answer within `timeout`.
    static func run(
        host: String, port: Int, path: String, timeout: TimeAmount
    ) async throws -> (status: UInt, body: String) {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        let timer = connection.channel.eventLoop.scheduleTask(in: timeout) { connection.channel.close(promise: nil) }
        defer { timer.cancel() }
        return try await connection.executeThenClose { inbound, outbound in
            let head = HTTPRequestHead(
                version: .http1_1, method: .GET, uri: path, headers: ["Host": host, "Connection": "close"])
            try await outbound.write(.head(head))
            try await outbound.write(.end(nil))
            var status: UInt = 0
            var body = ""
            for try await part in inbound {
                switch part {
                case .head(let head): status = head.status.code
                case .body(let bytes): body += String(buffer: bytes)
                case .end: return (status, body)
                }
            }
            throw ChannelError.eof
        }
    }
}
