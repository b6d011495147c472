import Foundation
import TestSupport
import Testing

/// `patchbay health`, for people and for supervisors; and the words of errors as commands say them.
@Suite(.serialized) struct HealthCommandTests {
    private func run(_ arguments: [String], code: Int32, at location: SourceLocation = #_sourceLocation) async throws -> String {
        let program = try PatchbayProgram(arguments)
        let exit = try await program.exitCode()
        #expect(exit == code, "\(arguments) said: \(program.text)", sourceLocation: location)
        return program.text
    }

    /// While no broker answers, a server is unavailable but alive: restarting it helps nobody, and cuts off its clients.
    /// The image's health check could only ask for the first.
    @Test func aServerWithoutBrokersIsAliveAllTheSame() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try PatchbayProgram(
            ["serve", "--config", path],
            environment: ["PORT": "0", "ADMIN_PORT": "0", "KAFKA_BROKERS": "127.0.0.1:1"])
        try await eventually("the port; so far: \(server.text)") { server.text.contains("listening") }
        let port = try #require(server.text.firstMatch(of: /\bport=([0-9]+)/)).output.1
        let health = ["health", "--port", String(port)]
        try await eventually("the brokers to be missed") {
            try await PatchbayProgram(health).exitCode() == 69
        }
        let screen = try await run(health, code: 69)
        #expect(screen.contains("UNAVAILABLE  patchbay at") && screen.contains("`patchbay check --live FILE`"), "\(screen)")
        #expect(try await run(health + ["--live"], code: 0) == "live\n")
        #expect(try await run(health + ["--ready"], code: 69).hasPrefix("not ready: "))
        let json = try await run(health + ["--live", "--format", "json"], code: 0)
        #expect(json.contains("\"status\":\"live\""), "\(json)")
        _ = try await run(health + ["--live", "--ready"], code: 64)
        server.signal(SIGTERM)
        #expect(try await server.exitCode() == 0)
    }

    /// A server that refuses the question says why, in words: "no health report; is it a Patchbay?" hid them.
    @Test func theServersOwnReasonIsSaid() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nlimits: { http_connections: 1 }\nroutes: [{ topic: t, transform: json, channel: c }]\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "0"])
        let first = try TestSocket(port: demo.port)
        try await first.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _ = try await first.receive(through: "\r\n\r\n")
        for arguments in [[], ["--live"], ["--format", "json"]] {
            let text = try await run(["health", "--port", "\(demo.port)"] + arguments, code: 69)
            #expect(
                text == "patchbay: 127.0.0.1:\(demo.port): there are too many HTTP connections (limits.http_connections); "
                    + "try again later (HTTP status 503)\n")
        }
        first.close()
        try await demo.stop()
    }

    /// `bind(descriptor:ptr:bytes:): Address already in use) (errno: 98)` and `SingleConnectionFailure(target: …)` were what
    /// people read when a port was taken or nobody answered.
    @Test func errorsOfLibrariesAreSaidInWords() async throws {
        let unused = "\(try ListeningSocket.unusedPort())"
        let refused = "connection refused: nothing listens there"
        #expect(try await run(["health", "--port", unused], code: 69) == "patchbay: no answer from 127.0.0.1:\(unused): \(refused)\n")
        #expect(
            try await run(["tap", "c", "--url", "ws://127.0.0.1:\(unused)/ws"], code: 69)
                == "patchbay: can't connect to ws://127.0.0.1:\(unused)/ws: \(refused)\n")
        #expect(
            try await run(["reload", "--port", unused], code: 69)
                == "patchbay: no answer from 127.0.0.1:\(unused): \(refused); is admin.enabled set?\n")
        #expect(
            try await run(["health", "--host", "no-such-host.invalid"], code: 69).contains(
                "the host name no-such-host.invalid can't be resolved"))
    }

    /// At start the same: the port that another process has.
    @Test func aTakenPortIsSaidInWords() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "0"])
        for variable in ["PORT", "ADMIN_PORT"] {
            let port = variable == "PORT" ? demo.port : demo.admin
            let second = try PatchbayProgram(
                ["demo", "--config", path], environment: ["PORT": "0", "ADMIN_PORT": "0"].merging([variable: "\(port)"]) { $1 })
            #expect(try await second.exitCode() == 69)
            #expect(second.text.contains(":\(port): the address is in use; is another process using the port?"), "\(second.text)")
            #expect(!second.text.contains("descriptor"), "\(second.text)")
        }
        try await demo.stop()
    }
}
