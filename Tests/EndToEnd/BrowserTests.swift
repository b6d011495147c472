import Foundation
import TestSupport
import Testing

/// A running demo as others see it: people, with a browser, and tools, with its OpenAPI document. Both are judged by
/// programs that are not ours, in `Tests/Browser`; `make setup-tests` installs what they need.
@Suite(.serialized) struct BrowserTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Chromium connects, subscribes, sees records, and sees what a changed routes file brings without being reloaded.
    @Test func thePageShowsRecordsAndChangedRoutes() async throws {
        try await withDemo { demo in
            try await python([
                "docs_page.py", demo.address, "--channel", "trades", "--routes", demo.routes.path, "--brokers", demo.brokers,
                "--patchbay", Self.patchbay.path,
            ])
        }
    }

    /// A restart left the page disconnected, and so did the code that it gave away: everybody who had pasted it was gone
    /// until somebody pressed a button. Both come back by themselves, when the server says so.
    @Test func thePageAndItsCodeComeBackAfterARestart() async throws {
        try await python(["docs_restart.py", Self.patchbay.path, Self.root.appendingPathComponent("routes.yaml").path])
    }

    /// schemathesis sends generated requests to every endpoint, and holds the answers to what is documented.
    @Test func theEndpointsDoWhatTheirDocumentSays() async throws {
        try await withDemo { demo in try await python(["service_contract.py", demo.address]) }
    }

    // MARK: Programs

    private static var patchbay: URL { Bundle.main.bundleURL.appendingPathComponent("patchbay") }

    private struct Demo {
        var address: String
        var brokers: String
        /// A copy of the shipped file, for the test to change.
        var routes: URL
    }

    private func withDemo(_ body: (Demo) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("browser-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let routes = folder.appendingPathComponent("routes.yaml")
        // Its text, not the file: copying a link would make the test edit what it leads to.
        try Data(contentsOf: Self.root.appendingPathComponent("routes.yaml")).write(to: routes)
        let demo = try Child(
            Self.patchbay, ["demo", "--config", routes.path], environment: ["PORT": "0", "ADMIN_PORT": "0"])
        defer { demo.kill() }
        try await eventually("the demo to listen") { demo.text.contains("/health") || !demo.isRunning }
        let text = demo.text
        guard let port = text.firstMatch(of: /localhost:([0-9]+)\/ws/)?.output.1,
            let brokers = text.firstMatch(of: /Kafka +(\S+)/)?.output.1
        else {
            Issue.record("the demo doesn't listen: \(text)")
            return
        }
        try await body(Demo(address: "http://localhost:\(port)", brokers: String(brokers), routes: routes))
        #expect(demo.isRunning, "the demo ended: \(demo.text)")
        demo.signal(SIGTERM)
        try await eventually("the demo to end; it said: \(demo.text)") { !demo.isRunning }
        #expect(demo.exitCode == 0, "\(demo.text)")
    }

    /// Runs one of `Tests/Browser`, for three minutes at most: it takes half of one on an idle machine.
    private func python(_ arguments: [String]) async throws {
        let interpreter = Self.root.appendingPathComponent(".venv/bin/python")
        guard FileManager.default.isExecutableFile(atPath: interpreter.path) else {
            Issue.record("there is no \(interpreter.path); please run `make setup-tests`")
            return
        }
        let script = Self.root.appendingPathComponent("Tests/Browser/\(arguments[0])")
        let judge = try Child(interpreter, ["-u", script.path] + arguments.dropFirst(), environment: [:])
        defer { judge.kill() }
        do {
            try await eventually(timeout: .seconds(180)) { !judge.isRunning }
        } catch is ConditionNeverMet {
            // As Ctrl-C does, so that it closes its browser and tells where it stood.
            judge.signal(SIGINT)
            try? await eventually(timeout: .seconds(5)) { !judge.isRunning }
            Issue.record("\(arguments[0]) isn't done after three minutes; it said:\n\(judge.text)")
            return
        }
        #expect(judge.exitCode == 0, "\(arguments[0]) says:\n\(judge.text)")
    }

    /// A process whose output goes to a file, so that nobody has to wait for it, nor for what it leaves behind.
    private final class Child: @unchecked Sendable {
        // Sound: a test uses it from one task at a time.
        private let process = Process()
        private let output: URL

        init(_ program: URL, _ arguments: [String], environment: [String: String]) throws {
            output = FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)")
            try Data().write(to: output)
            let handle = try FileHandle(forWritingTo: output)
            process.executableURL = program
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = handle
            process.standardError = handle
            try process.run()
            try handle.close()
        }

        deinit { try? FileManager.default.removeItem(at: output) }

        var text: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
        var isRunning: Bool { process.isRunning }
        /// Of one that ended; a signal is its negative number.
        var exitCode: Int32 {
            process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        }

        func signal(_ number: Int32) { if isRunning { Foundation.kill(process.processIdentifier, number) } }
        func kill() { signal(SIGKILL) }
    }
}
