import Foundation
import TestSupport

/// A real Kafka of one or three nodes, which goes with its data when the test is over.
final class RealCluster: Sendable {
    /// A second listener, beside the plain one that the tests themselves use.
    enum Secured: String, Sendable { case none, saslPlain = "SASL_PLAINTEXT", tls = "SSL" }

    /// A user that SASL/PLAIN lets in.
    static let user = (name: "alice", password: "alice-secret")

    let nodes: [KafkaNode]
    /// The plain listeners.
    let brokers: String
    /// The secured listeners.
    let securedBrokers: String
    let folder: URL
    let admin: ClusterAdmin
    let producer: ClusterProducer
    private let ports: [Int]

    /// The certificate that signed that of the TLS listener: itself.
    var certificate: String { folder.appendingPathComponent("broker.pem").path }

    /// Starts nodes, runs `body`, and kills them whatever happens.
    ///
    /// - Parameters:
    ///   - properties: of every node; they win.
    ///   - authorizer: whether rights are asked for; the tests' own listener may do everything.
    static func run(
        nodes: Int = 1, secured: Secured = .none, authorizer: Bool = false, properties: [(name: String, value: String)] = [],
        _ body: (RealCluster) async throws -> Void
    ) async throws {
        let cluster = try await RealCluster(nodes: nodes, secured: secured, authorizer: authorizer, properties: properties)
        do {
            try await cluster.start()
            try await body(cluster)
        } catch {
            let logs = cluster.nodes.map { $0.log.suffix(1_500) }.joined(separator: "\n…\n")
            cluster.end()
            throw KafkaFailure("\(error)\nThe broker's log ends with:\n\(logs)")
        }
        cluster.end()
    }

    private init(
        nodes count: Int, secured: Secured, authorizer: Bool, properties: [(name: String, value: String)]
    ) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("kafka-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ports = try (0..<count).map { _ in try FreePorts.next() }
        let controllers = try (0..<count).map { _ in try FreePorts.next() }
        let securedPorts = try (0..<count).map { _ in try FreePorts.next() }
        func addresses(_ ports: [Int]) -> String { ports.map { "127.0.0.1:\($0)" }.joined(separator: ",") }
        self.ports = ports
        brokers = addresses(ports)
        securedBrokers = addresses(securedPorts)
        if secured == .tls { try await Self.makeKey(in: folder) }
        let voters = controllers.enumerated().map { "\($0 + 1)@127.0.0.1:\($1)" }.joined(separator: ",")
        let copies = min(count, 3)
        var made: [KafkaNode] = []
        for index in 0..<count {
            let plain = "PLAINTEXT://127.0.0.1:\(ports[index])"
            let second = secured == .none ? "" : ",\(secured.rawValue)://127.0.0.1:\(securedPorts[index])"
            var all: [(name: String, value: String)] = [
                ("process.roles", "broker,controller"), ("controller.quorum.voters", voters),
                ("controller.listener.names", "CONTROLLER"), ("inter.broker.listener.name", "PLAINTEXT"),
                ("listeners", "\(plain),CONTROLLER://127.0.0.1:\(controllers[index])\(second)"),
                ("advertised.listeners", plain + second),
                (
                    "listener.security.protocol.map",
                    "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"
                ),
                ("auto.create.topics.enable", "false"), ("delete.topic.enable", "true"),
                // Small internal topics, and nothing that waits for company.
                ("offsets.topic.num.partitions", "1"), ("offsets.topic.replication.factor", "\(copies)"),
                ("transaction.state.log.num.partitions", "1"), ("transaction.state.log.replication.factor", "\(copies)"),
                ("transaction.state.log.min.isr", "1"), ("group.initial.rebalance.delay.ms", "0"),
                ("group.min.session.timeout.ms", "1000"), ("log.initial.task.delay.ms", "500"),
                ("log.retention.check.interval.ms", "500"),
                // Else a node that is killed forgets that records were deleted.
                ("log.flush.start.offset.checkpoint.interval.ms", "100"), ("log.cleaner.dedupe.buffer.size", "16777216"),
                ("broker.session.timeout.ms", "3000"), ("broker.heartbeat.interval.ms", "500"),
                ("num.network.threads", "2"), ("num.io.threads", "2"), ("num.recovery.threads.per.data.dir", "1"),
            ]
            if secured == .saslPlain {
                all += [
                    ("sasl.enabled.mechanisms", "PLAIN"),
                    (
                        "listener.name.sasl_plaintext.plain.sasl.jaas.config",
                        "org.apache.kafka.common.security.plain.PlainLoginModule required "
                            + "user_\(Self.user.name)=\"\(Self.user.password)\";"
                    ),
                ]
            }
            if secured == .tls {
                all += [
                    ("ssl.keystore.location", folder.appendingPathComponent("broker.p12").path),
                    ("ssl.keystore.type", "PKCS12"), ("ssl.keystore.password", Self.storePassword),
                    ("ssl.key.password", Self.storePassword),
                ]
            }
            if authorizer {
                all += [
                    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
                    ("super.users", "User:ANONYMOUS"),
                ]
            }
            made.append(
                KafkaNode(
                    identifier: index + 1, folder: folder.appendingPathComponent("node-\(index + 1)"), properties: all + properties))
        }
        nodes = made
        admin = try ClusterAdmin(brokers: brokers)
        producer = try ClusterProducer(brokers: brokers)
    }

    private static let storePassword = "changeit"

    /// A key and its own certificate for 127.0.0.1, made on the spot.
    private static func makeKey(in folder: URL) async throws {
        let store = ["-keystore", folder.appendingPathComponent("broker.p12").path, "-storepass", storePassword, "-alias", "broker"]
        for arguments in [
            ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1"] + store,
            ["-exportcert", "-rfc", "-file", folder.appendingPathComponent("broker.pem").path] + store,
        ] {
            let result = try await ExternalProgram.run(["keytool"] + arguments)
            guard result.status == 0 else { throw KafkaFailure("keytool: \(result.said)") }
        }
    }

    private func start() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await node.start() } }
            try await group.waitForAll()
        }
        try await awaitBrokers(nodes.count)
    }

    private func end() {
        producer.close()
        admin.close()
        for node in nodes { node.kill() }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Waits until so many brokers are registered and say so.
    func awaitBrokers(_ count: Int) async throws {
        // Three nodes on a machine that does other things take their time to elect a controller.
        try await eventually("\(count) brokers are registered", timeout: .seconds(150)) { try await admin.listing()?.brokers == count }
    }

    /// Kills a node and starts it again.
    /// - Parameters:
    ///   - wiped: whether its data is gone.
    ///   - changes: properties that win, for this start.
    func restart(
        _ number: Int = 1, wiped: Bool = false, changes: [(name: String, value: String)] = [], while body: () async throws -> Void = {}
    ) async throws {
        let node = nodes[number - 1]
        node.kill()
        if wiped { try node.wipe() }
        try await body()
        let started = "Kafka Server started"
        let count = node.log.components(separatedBy: started).count
        try await node.start(changes)
        // At a wrong address nobody finds the broker; then its own word has to do.
        if changes.contains(where: { $0.name == "advertised.listeners" }) {
            try await eventually("node \(number) has started") { node.log.components(separatedBy: started).count > count }
        } else {
            try await awaitBrokers(nodes.count)
        }
    }

    /// How many bytes a second a client identifier may fetch; `nil` ends the limit.
    func limitFetching(of client: String, to bytesPerSecond: Int?) async throws {
        let change = bytesPerSecond.map { ["--add-config", "consumer_byte_rate=\($0)"] } ?? ["--delete-config", "consumer_byte_rate"]
        try await KafkaRelease.run(
            "kafka-configs.sh",
            ["--bootstrap-server", brokers, "--alter", "--entity-type", "clients", "--entity-name", client] + change, logs: folder)
    }
}
