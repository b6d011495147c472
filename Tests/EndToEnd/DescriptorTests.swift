import Foundation
import PatchbayConfig
import TestSupport
import Testing

@testable import PatchbayRuntime
@testable import patchbay

/// A program that runs out of file descriptors.
@Suite(.serialized) struct DescriptorTests {
    /// At the limit every accept failed and was tried again at once: nine tenths of a core, no line in the log, and clients
    /// that waited. Accepting pauses now, the log says once what to raise, and it goes on when there is room.
    @Test func acceptingPausesWhenNoDescriptorIsFree() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let routes = folder.appendingPathComponent("routes.yaml")
        try """
        version: 1
        kafka: { brokers: ["127.0.0.1:1"] }
        routes:
          - { name: n, topic: notes, transform: json, channel: notes }

        """.write(to: routes, atomically: true, encoding: .utf8)
        let program = try PatchbayProgram(
            ["serve", "--config", routes.path],
            environment: ["PORT": "0", "ADMIN_PORT": "0", "HOST": "127.0.0.1", "HANDSHAKE_TIMEOUT": "5m"], mostFiles: 120)
        try await eventually("it to listen; so far: \(program.text)") { program.text.contains(" port=") || !program.isRunning }
        let port = try #require(program.text.firstMatch(of: /\sport=([0-9]+)/).flatMap { Int($0.output.1) }, "\(program.text)")
        #expect(program.text.contains("the limit on open files is below"), "\(program.text)")
        let client = try await WebSocketTestClient(port: port)
        try await client.subscribe("notes")
        let page = try TestSocket(port: port)
        func get(_ path: String) async throws -> String {
            try await page.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = try await page.receive(through: "\r\n\r\n", timeout: .seconds(20))
            let length = head.firstMatch(of: /Content-Length: ([0-9]+)/.ignoresCase()).flatMap { Int($0.output.1) } ?? 0
            return String(decoding: try await page.receive(length, timeout: .seconds(20)), as: UTF8.self)
        }
        func pauses() async throws -> Int {
            let text = try await get("/metrics")
            return text.firstMatch(of: /limit="descriptors"} ([0-9]+)/).flatMap { Int($0.output.1) } ?? -1
        }
        #expect(try await pauses() == 0)
        let start = ContinuousClock.now
        let silent = try (0..<200).map { _ in try TestSocket(port: port) }
        try await eventually("accepting to pause") { try await pauses() >= 5 }
        // A pause lasts a tenth of a second, however long the shortage. NIO went on trying 40,000 times a second when only
        // its reads were withheld.
        let count = try await pauses()
        #expect(count <= Int((ContinuousClock.now - start) / .milliseconds(100)) + 10)
        #expect(try await get("/health").contains("no file descriptor or no kernel memory is free"))
        // Those that are connected notice nothing.
        try await client.send(#"{"type":"ping"}"#)
        #expect(try await client.receive().type == "pong")
        let warnings = program.text.components(separatedBy: "no file descriptor is free for another connection").count - 1
        #expect(warnings == 1 && program.text.contains("LimitNOFILE"), "\(program.text)")
        for socket in silent { socket.close() }
        let next = try await WebSocketTestClient(port: port)
        try await next.subscribe("notes")
        program.signal(SIGTERM)
        #expect(try await program.exitCode() == 0)
    }

    /// What the warning at start compares with: everything that may be connected at a time, and a hundred.
    @Test func theFilesThatAConfigurationNeedsAreAddedUp() throws {
        let file =
            "version: 1\nserver: { max_clients: 5000 }\nlimits: { http_connections: 10, pending_handshakes: 300 }\nadmin: { enabled: ENABLED }\n"
            + "routes:\n  - { name: n, topic: notes, transform: json, channel: notes }\n"
        for (isEnabled, wanted) in [("false", 5410), ("true", 5410 + 256)] {
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("needed-\(UUID().uuidString).yaml")
            defer { try? FileManager.default.removeItem(at: path) }
            try file.replacingOccurrences(of: "ENABLED", with: isEnabled).write(to: path, atomically: true, encoding: .utf8)
            let loaded = try ConfigurationFile.read(path.path, environment: [:], transformers: BuiltinTransformers.set())
            let configuration = try ConfigurationFile.configuration(of: loaded, path: path.path)
            #expect(FileLimit.needed(by: configuration) == wanted)
        }
    }
}
