import Foundation
import Synchronization
import TestSupport

/// `patchbay serve` with a routes file of its own; may be stopped, killed and started again.
final class RunningPatchbay: Sendable {
    private struct Run: Sendable {
        let program: PatchbayProgram
        let port: Int
        let adminPort: Int
    }

    let folder: URL
    var path: String { folder.appendingPathComponent("routes.yaml").path }
    let brokers: String
    private let run: Mutex<Run?> = Mutex(nil)

    /// Writes the file and starts the program.
    ///
    /// - Parameters:
    ///   - routes: the value of `routes`; channel and topic are `orders` by default.
    ///   - properties: of `kafka.properties`.
    ///   - more: further top-level keys, whole lines.
    init(
        brokers: String, group: String = "patchbay", routes: String = RunningPatchbay.orders,
        properties: [String: String] = [:], more: String = "", starts: Bool = true
    ) async throws {
        self.brokers = brokers
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("patchbay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write(group: group, routes: routes, properties: properties, more: more)
        if starts { try await start() }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    static let orders = "[{ topic: orders, transform: json, channel: orders }]"

    func write(
        group: String = "patchbay", routes: String = RunningPatchbay.orders, properties: [String: String] = [:], more: String = ""
    ) throws {
        let entries = properties.map { "    \($0): \"\($1)\"\n" }.sorted().joined()
        try """
        version: 1
        server: { host: 127.0.0.1, port: 0, drain_delay: 0ms }
        admin: { port: 0 }
        reload: { watch: false }
        kafka:
          brokers: [\(brokers.split(separator: ",").map { "\"\($0)\"" }.joined(separator: ", "))]
          group: \(group)
          properties:
            client.id: patchbay
        \(entries)
        routes: \(routes)
        \(more)

        """.write(toFile: path, atomically: true, encoding: .utf8)
    }

    func start() async throws {
        let program = try PatchbayProgram(["serve", "--config", path])
        try await eventually("the program listens; so far: \(program.text)") {
            program.text.contains("admin_port=") || !program.isRunning
        }
        func port(_ name: String) throws -> Int {
            guard let range = program.text.range(of: " \(name)="),
                let port = Int(program.text[range.upperBound...].prefix { $0.isNumber })
            else { throw KafkaFailure("no \(name) in: \(program.text)") }
            return port
        }
        let started = Run(program: program, port: try port("port"), adminPort: try port("admin_port"))
        run.withLock { $0 = started }
    }

    private func current() throws -> Run {
        guard let run = run.withLock({ $0 }) else { throw KafkaFailure("patchbay isn't running") }
        return run
    }

    /// What this run has logged so far.
    var log: String { run.withLock { $0?.program.text } ?? "" }

    var port: Int { get throws { try current().port } }

    func signal(_ number: Int32) throws { try current().program.signal(number) }

    /// SIGTERM.
    /// - Returns: how long it took.
    @discardableResult
    func stop() async throws -> Duration {
        let program = try current().program
        let begin = ContinuousClock.now
        program.signal(SIGTERM)
        let code = try await program.exitCode()
        guard code == 0 else { throw KafkaFailure("patchbay ended with \(code): \(program.text)") }
        return .now - begin
    }

    /// SIGKILL.
    func kill() async throws {
        let program = try current().program
        program.signal(SIGKILL)
        _ = try await program.exitCode()
    }

    /// A command of the program on the same file, to its end.
    func command(_ arguments: [String]) async throws -> (code: Int32, text: String) {
        let program = try PatchbayProgram(arguments)
        return (try await program.exitCode(), program.text)
    }

    // MARK: Asking

    func get(_ path: String) async throws -> (status: Int, body: String) {
        let socket = try TestSocket(port: try current().adminPort)
        defer { socket.close() }
        try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
        guard let status = Int(answer.dropFirst(9).prefix(3)), let head = answer.range(of: "\r\n\r\n") else {
            throw KafkaFailure("no answer to GET \(path): \(answer)")
        }
        return (status, String(answer[head.upperBound...]))
    }

    struct Health: CustomStringConvertible {
        var status: String
        var reasons: [String]
        var description: String { "\(status): \(reasons)" }
        func mentions(_ texts: String...) -> Bool { reasons.contains { reason in texts.allSatisfy { reason.contains($0) } } }
    }

    func health() async throws -> Health {
        let text = try await get("/health").body
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        guard let status = json?["status"] as? String, let reasons = json?["reasons"] as? [String] else {
            throw KafkaFailure("no health in: \(text)")
        }
        return Health(status: status, reasons: reasons)
    }

    /// The sum of a metric's samples whose labels contain all these texts; `nil` when there is none.
    func metric(_ name: String, _ labels: String...) async throws -> Double? {
        let samples = try await get("/metrics").body.split(whereSeparator: \.isNewline).filter { line in
            line.hasPrefix(name) && [" ", "{"].contains(line.dropFirst(name.count).first)
                && labels.allSatisfy { line.contains($0) }
        }
        let values = samples.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    func lag(_ topic: String = "orders") async throws -> Double? {
        try await metric("patchbay_kafka_lag_records", "topic=\"\(topic)\"")
    }

    func skipped(_ topic: String = "orders") async throws -> Double? {
        try await metric("patchbay_kafka_records_skipped_total", "topic=\"\(topic)\"")
    }

    // MARK: Waiting

    func awaitReady() async throws {
        try await explained("it is ready") { try await get("/health/ready").status == 200 }
    }

    func awaitHealth(_ status: String? = nil, _ texts: String..., timeout: Duration = .seconds(60)) async throws {
        try await explained("health is \(status ?? "any") with \(texts)", timeout: timeout) {
            let health = try await health()
            guard status == nil || health.status == status else { return false }
            return texts.isEmpty || health.reasons.contains { reason in texts.allSatisfy { reason.contains($0) } }
        }
    }

    func awaitLog(_ text: String, count: Int = 1, timeout: Duration = .seconds(60)) async throws {
        try await explained("the log says \(text)", timeout: timeout) { log.components(separatedBy: text).count > count }
    }

    /// Waits, and tells what it looked like when it didn't come true.
    func explained(_ what: String, timeout: Duration = .seconds(60), _ condition: () async throws -> Bool) async throws {
        do {
            try await eventually(what, timeout: timeout, condition)
        } catch let error as ConditionNeverMet {
            let health = try? await get("/health").body
            throw KafkaFailure("\(error)\nhealth: \(health ?? "no answer")\nlog:\n\(log)")
        }
    }

    func subscribe(_ channel: String = "orders") async throws -> Subscriber { try await Subscriber(port: try port, channel: channel) }

    // MARK: The log

    /// Lines that contain the text.
    func lines(_ text: String) -> [String] {
        log.split(whereSeparator: \.isNewline).map(String.init).filter { $0.contains(text) }
    }
}
