import Foundation
import Logging
import PatchbayConfig
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import TestSupport

@testable import PatchbayRuntime

/// An embedded Kafka with a producer, for as many routers as a test starts.
final class TestKafka: Sendable {
    let kafka: EmbeddedKafka
    let producer: Producer
    var brokers: String { kafka.bootstrapServers }

    static let quiet: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    static let topics: [(name: String, partitions: Int)] = [("token-info", 2), ("trade-info", 2), ("aggregate-info", 2)]

    init(topics: [(name: String, partitions: Int)] = topics) throws {
        kafka = try EmbeddedKafka(topics: topics)
        producer = try Producer(brokers: [kafka.bootstrapServers], logger: Self.quiet)
    }

    func produce(_ topic: String, _ values: [String], partition: Int32? = 0) throws {
        for value in values { try producer.produce(topic: topic, partition: partition, value: value) }
        try producer.flush(timeoutMilliseconds: 20_000)
    }

    func close() {
        producer.close(timeoutMilliseconds: 100)
        kafka.close()
    }
}

/// A router under test, with everything real, its configuration file included.
struct RunningRouter {
    let service: RouterService
    let port: Int
    let adminPort: Int
    let file: RoutesFile

    static let routes = """
        routes:
          - { topic: token-info, transform: token, channel: dashboard }
          - { topic: trade-info, transform: trade, channels: [dashboard, trades] }
          - { topic: aggregate-info, transform: aggregate, channel: dashboard }
        """

    /// Starts a router; `group` decides whose committed offsets it continues.
    ///
    /// - Parameters:
    ///   - routes: the top-level keys that are not given otherwise.
    ///   - watches: whether changes of the file are taken up by themselves.
    static func start(
        brokers: String, group: String = "group-\(UUID().uuidString)", routes: String = routes,
        buffer: Int = 100_000, properties: [String: String] = [:], deadLetterTimeout: String = "5m", drainTimeout: String = "5s",
        watches: Bool = false,
        awaitingAssignment: Bool = true, logger: Logger = TestKafka.quiet
    ) async throws -> RunningRouter {
        let file = try RoutesFile(
            brokers: brokers, group: group, buffer: buffer, properties: properties,
            deadLetterTimeout: deadLetterTimeout, drainTimeout: drainTimeout, watches: watches)
        try file.write(routes)
        let path = file.path
        let transformers = try BuiltinTransformers.set()
        let loaded = ConfigurationFile.read(path, environment: [:], transformers: transformers)
        guard let configuration = loaded.configuration else {
            throw SocketFailure(description: DiagnosticRenderer.render(loaded.findings, file: path))
        }
        let service = RouterService(
            configuration: configuration, loaded: loaded,
            reload: { candidate in
                candidate.map { ConfigurationFile.read($0, insteadOf: path, environment: [:], transformers: transformers) }
                    ?? ConfigurationFile.read(path, environment: [:], transformers: transformers)
            },
            consumerProperties: EmbeddedKafka.consumerProperties, rejoinsAfter: EmbeddedKafka.rejoinsAfter, logger: logger)
        let ports = try await service.start()
        let router = RunningRouter(service: service, port: ports.clients, adminPort: ports.admin ?? 0, file: file)
        if awaitingAssignment {
            do {
                try await eventually("the group to assign partitions") {
                    service.consumers.statuses.allSatisfy { $0.status.state == .consuming }
                }
            } catch {
                await service.stop()
                throw error
            }
        }
        return router
    }

    /// Replaces the routes in the file and has them taken up.
    @discardableResult
    func reload(_ routes: String) async throws -> ReloadReport {
        try file.write(routes)
        return await service.reloader.reload(.request)
    }

    /// Snapshot of one route.
    func figures(of route: String) -> HealthReport.Route? { service.health.routes.first { $0.route == route } }

    /// Runs `body` with a Kafka and a router, and stops both whatever happens.
    static func run(
        routes: String = routes, buffer: Int = 100_000, watches: Bool = false,
        topics: [(name: String, partitions: Int)] = TestKafka.topics,
        _ body: (TestKafka, RunningRouter) async throws -> Void
    ) async throws {
        let kafka = try TestKafka(topics: topics)
        defer { kafka.close() }
        let router = try await start(brokers: kafka.brokers, routes: routes, buffer: buffer, watches: watches)
        do {
            try await body(kafka, router)
        } catch {
            await router.service.stop()
            throw error
        }
        await router.service.stop()
    }
}

/// A routes file in a folder of its own, which goes when nobody needs it any more.
final class RoutesFile: Sendable {
    let folder: URL
    var path: String { folder.appendingPathComponent("routes.yaml").path }
    private let head: String

    init(
        brokers: String, group: String, buffer: Int = 100, properties: [String: String] = [:], deadLetterTimeout: String = "5m",
        drainTimeout: String = "5s", watches: Bool = false
    ) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var lines = ["auto.offset.reset: earliest"]
        lines += properties.map { "\($0): \"\($1)\"" }.sorted()
        head = """
            version: 1
            server: { host: 127.0.0.1, port: 0, max_clients: 5000, ping_interval: 10m, drain_timeout: \(drainTimeout) }
            admin: { port: 0 }
            reload: { watch: \(watches) }
            defaults: { buffer: \(buffer) }
            kafka:
              brokers: "\(brokers)"
              group: \(group)
              dead_letter_timeout: \(deadLetterTimeout)
              properties:
            \(lines.map { "    " + $0 }.joined(separator: "\n"))

            """
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Replaces the file by a rename, as editors do.
    func write(_ routes: String) throws {
        try (head + routes + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
}
