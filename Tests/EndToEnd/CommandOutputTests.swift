import Foundation
import TestSupport
import Testing

/// Where commands print to: full disks, and readers that have had enough.
@Suite(.serialized) struct CommandOutputTests {
    private static let routes = "version: 1\nroutes: [{ topic: trade-info, transform: trade, channel: trades }]\n"

    private func temporaryFile(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func full() throws -> FileHandle { try #require(FileHandle(forWritingAtPath: "/dev/full")) }

    /// `config show > /dev/full` printed nothing and succeeded, as did every other command: a script took an empty file
    /// for the configuration. What can't be printed is an error now, everywhere.
    @Test func whatCannotBePrintedIsAnError() async throws {
        let path = try temporaryFile(Self.routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let commands: [[String]] = [
            ["config", "show", "--config", path], ["config", "show", "--config", path, "--format", "json"], ["schema"],
            ["check", path], ["test", path], ["test", path, "--format", "json"], ["init", "--output", "-"],
            ["explain", "--config", path, "--topic", "trade-info"], ["routes", "diff", path, path], ["--help"], ["--version"],
            ["help", "tap"], ["tap", "--help"],
        ]
        for command in commands {
            let program = try PatchbayProgram(command, standardOutput: full())
            #expect(try await program.exitCode() == 74, "\(command) said: \(program.text)")
            #expect(
                program.text.contains("can't write to standard output: no space is left on the device"), "\(command): \(program.text)")
        }
    }

    /// A closed standard output became /dev/null, so that no socket gets its number; and what nobody could read was a success
    /// again. A server is started that way on purpose and doesn't mind (`StandardDescriptorTests`).
    @Test func aClosedOutputIsAnError() async throws {
        let path = try temporaryFile(Self.routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let commands = [
            ["config", "show", "--config", path], ["check", path], ["schema"], ["--version"], ["help", "tap"],
            // Before it waits for a message.
            ["tap", "trades", "--url", "ws://127.0.0.1:1/ws"],
        ]
        for command in commands {
            let program = Process()
            program.executableURL = URL(fileURLWithPath: "/bin/sh")
            program.arguments = ["-c", "exec \"$0\" \"$@\" >&-", Bundle.main.bundleURL.appendingPathComponent("patchbay").path] + command
            let said = Pipe()
            program.standardError = said
            try program.run()
            let text = String(decoding: try said.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            program.waitUntilExit()
            #expect(program.terminationStatus == 74, "\(command) said: \(text)")
            #expect(text.contains("can't write to standard output: it is closed"), "\(command): \(text)")
        }
    }

    /// The same with a server: what watches for hours, and what only asks.
    @Test func whatARunningServerSaysMustBePrintedToo() async throws {
        let path = try temporaryFile(Self.routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "100"])
        let tap = ["tap", "trades", "--url", "ws://127.0.0.1:\(demo.port)/ws"]
        let commands = [
            tap, ["tap", "--topic", "trade-info", "--brokers", demo.brokers, "--from", "beginning"],
            ["health", "--port", "\(demo.port)"], ["health", "--live", "--port", "\(demo.port)"],
            ["health", "--format", "json", "--port", "\(demo.port)"], ["reload", "--port", "\(demo.admin)"],
        ]
        for command in commands {
            let program = try PatchbayProgram(command, standardOutput: full())
            #expect(try await program.exitCode() == 74, "\(command) said: \(program.text)")
        }
        // A demo that can't say where it listens ends, too.
        let mute = try PatchbayProgram(
            ["demo", "--config", path], environment: ["PORT": "0", "ADMIN_PORT": "0"], standardOutput: full())
        #expect(try await mute.exitCode() == 74, "\(mute.text)")
        try await demo.stop()
    }

    /// `tap CHANNEL | head -1` never ended: the closed pipe was taken for a closed terminal and ignored, for ever.
    @Test func aTapEndsWithItsReader() async throws {
        let path = try temporaryFile(Self.routes + "  \n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "100"])
        for command in [
            ["tap", "trades", "--url", "ws://127.0.0.1:\(demo.port)/ws"],
            ["tap", "--topic", "trade-info", "--brokers", demo.brokers],
        ] {
            let pipe = Pipe()
            let program = try PatchbayProgram(command, standardOutput: pipe.fileHandleForWriting)
            try pipe.fileHandleForWriting.close()
            let first = try await offPool { pipe.fileHandleForReading.availableData }
            #expect(first.first == UInt8(ascii: "{"))
            try pipe.fileHandleForReading.close()
            #expect(try await program.exitCode() == 0, "\(command) said: \(program.text)")
        }
        try await demo.stop()
    }

    /// On a channel without messages no write tells that the reader has gone; the pipe itself does.
    @Test func aTapOfAQuietChannelEndsWithItsReader() async throws {
        let path = try temporaryFile(Self.routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "0"])
        let pipe = Pipe()
        let program = try PatchbayProgram(
            ["tap", "trades", "--url", "ws://127.0.0.1:\(demo.port)/ws"], standardOutput: pipe.fileHandleForWriting)
        try pipe.fileHandleForWriting.close()
        try await eventually("the subscription; so far: \(program.text)") { program.text.contains("subscription_confirmed") }
        try pipe.fileHandleForReading.close()
        #expect(try await program.exitCode() == 0, "\(program.text)")
        try await demo.stop()
    }

    /// Who only reads the beginning of a report still gets its verdict as the exit code.
    @Test func aReportKeepsItsVerdictWithoutAReader() async throws {
        let path = try temporaryFile("version: 2\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let program = try PatchbayProgram(["check", path], standardOutput: pipe.fileHandleForWriting)
        #expect(try await program.exitCode() == 78, "\(program.text)")
    }
}

/// A demo as a process of its own.
struct RunningDemo {
    let program: PatchbayProgram
    let port: Int
    let admin: Int
    let brokers: String

    init(_ path: String, arguments: [String] = [], environment: [String: String] = [:]) async throws {
        let demo = try PatchbayProgram(
            ["demo", "--config", path] + arguments,
            environment: ["PORT": "0", "ADMIN_PORT": "0"].merging(environment) { $1 })
        program = demo
        try await eventually("the demo to listen; so far: \(demo.text)") {
            (demo.text.contains("admin_port=") && demo.text.contains("Ctrl-C")) || !demo.isRunning
        }
        guard let port = demo.text.firstMatch(of: /localhost:([0-9]+)\/ws/).flatMap({ Int($0.output.1) }),
            let admin = demo.text.firstMatch(of: /admin_port=([0-9]+)/).flatMap({ Int($0.output.1) }),
            let brokers = demo.text.firstMatch(of: /Kafka +(\S+)/)?.output.1
        else { throw SocketFailure(description: "no address in: \(demo.text)") }
        (self.port, self.admin, self.brokers) = (port, admin, String(brokers))
    }

    func stop() async throws {
        program.signal(SIGTERM)
        #expect(try await program.exitCode() == 0, "\(program.text)")
    }
}
