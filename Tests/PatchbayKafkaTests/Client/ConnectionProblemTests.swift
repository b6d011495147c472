import Logging
import TestSupport
import Testing

@testable import PatchbayKafka

/// A wrong advertised listener was not explained at all: nothing in the log, "waiting for the consumer group" in
/// `/health`, and `check --live` said ok, because it only met the first address. A listener with TLS or SASL and a
/// refused password were "no broker can be reached". What librdkafka knows is told with what to change.
@Suite("Connection problems", .timeLimit(.minutes(2))) struct ConnectionProblemTests {
    private static func consumer(
        of broker: MisconfiguredBroker, properties: [(name: String, value: String)] = [], log: LogBook
    ) -> ConsumerThread {
        let consumer = ConsumerThread(
            configuration: ConsumerConfiguration(
                brokers: [broker.address], groupID: "g", topics: ["orders"], properties: properties),
            logger: log.logger, makeProcessor: { SeenRecords().makeProcessor() })
        consumer.start()
        return consumer
    }

    private static let login: [(name: String, value: String)] = [
        ("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"),
        ("sasl.password", "wrong"),
    ]

    struct Case: Sendable {
        var behaviour: MisconfiguredBroker.Behaviour
        var properties: [(name: String, value: String)] = []
        var kind: ConnectionProblem.Kind
        var advice: String
    }

    private static let cases = [
        Case(behaviour: .hangsUp, kind: .needsTLS, advice: "set security.protocol to ssl"),
        Case(behaviour: .hangsUpAfterVersions, kind: .needsSASL, advice: "set security.protocol to sasl_plaintext"),
        Case(behaviour: .refusesLogins, properties: login, kind: .refused, advice: "check sasl.username"),
        Case(behaviour: .offersOtherMechanism, properties: login, kind: .mechanism, advice: "SCRAM-SHA-512"),
        Case(
            behaviour: .hangsUp, properties: [("security.protocol", "ssl")], kind: .speaksNoTLS,
            advice: "set security.protocol to plaintext"),
    ]

    @Test func theCauseIsInTheStatusAndOnceInTheLog() async throws {
        for example in Self.cases { try await expectToldOnce(example) }
    }

    private func expectToldOnce(_ example: Case) async throws {
        let broker = try MisconfiguredBroker(example.behaviour)
        defer { broker.close() }
        let log = LogBook()
        let consumer = Self.consumer(of: broker, properties: example.properties, log: log)
        try await eventually("the cause to be in the status") {
            consumer.status.connectionProblem?.contains(example.advice) == true
        }
        #expect(consumer.status.connectionProblem?.hasPrefix(broker.address) == true)
        try await eventually("the cause to be in the log") {
            log.lines.contains { $0.metadata["reason"]?.description.contains(example.advice) == true }
        }
        await consumer.stop()
        #expect(log.lines.count { $0.metadata["reason"]?.description.contains(example.advice) == true } == 1)

        let (address, properties) = (broker.address, example.properties)
        let error = await Self.offPool {
            do throws(KafkaError) {
                _ = try ClusterMetadata.describe(
                    brokers: [address], properties: properties, timeout: .seconds(3), logger: LogBook().logger)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(error.contains(example.advice))
    }

    /// `patchbay produce` and dead letters repeated librdkafka's words.
    @Test func aProducerKnowsTheCauseToo() async throws {
        let broker = try MisconfiguredBroker(.hangsUp)
        defer { broker.close() }
        let producer = try Producer(brokers: [broker.address], logger: LogBook().logger)
        try await eventually("the cause to be known") { producer.trouble(since: .now)?.contains("set security.protocol to ssl") == true }
        producer.close(timeoutMilliseconds: 0)
    }

    @Test func aWrongAdvertisedListenerIsNamed() async throws {
        let dead = try ListeningSocket.unusedPort()
        let broker = try MisconfiguredBroker(.advertises(dead))
        defer { broker.close() }
        let log = LogBook()
        let consumer = Self.consumer(of: broker, log: log)
        try await eventually("the cause to be in the status") {
            consumer.status.joinProblem?.contains("the broker that advertises 127.0.0.1:\(dead) can't be reached") == true
        }
        #expect(consumer.status.joinProblem?.contains("advertised.listeners") == true)
        try await eventually("the cause to be in the log") {
            log.count(.warning, "a Kafka broker can't be used") == 1
        }
        await consumer.stop()
        #expect(log.count(.warning, "a Kafka broker can't be used") == 1)

        // As `check --live` looks: the first address answers, the advertised one doesn't.
        let address = broker.address
        let (advertised, problem) = try await Self.offPool {
            Result<([AdvertisedBroker], String?), any Error> {
                let advertised = try ClusterMetadata.describe(
                    brokers: [address], timeout: .seconds(10), logger: LogBook().logger
                ).advertised
                return (
                    advertised,
                    advertised.first.flatMap {
                        ClusterMetadata.problem(
                            with: $0, properties: [], timeout: .seconds(2), logger: LogBook().logger)
                    }
                )
            }
        }.get()
        #expect(advertised == [AdvertisedBroker(id: 1, address: "127.0.0.1:\(dead)")])
        #expect(problem?.contains("Connection refused") == true)
    }

    private static func offPool<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            _ = startThread { continuation.resume(returning: body()) }
        }
    }

    /// librdkafka 2.0.2's own texts.
    @Test(arguments: [
        (
            "127.0.0.1:9/1: Connect to ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)",
            ConnectionProblem.Kind.unreachable, "127.0.0.1:9", true
        ),
        (
            "[thrd:localhost:9/bootstrap]: localhost:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: Connection refused", .unreachable,
            "localhost:9", false
        ),
        (
            "GroupCoordinator: broker.invalid:9092: Failed to resolve 'broker.invalid:9092': Name or service not known (after 1ms in state CONNECT)",
            .unresolvable, "broker.invalid:9092", true
        ),
        (
            "ssl://127.0.0.1:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 2ms in state SSL_HANDSHAKE)",
            .speaksNoTLS, "127.0.0.1:1", false
        ),
        (
            "sasl_ssl://a:1/2: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured",
            .certificate, "a:1", true
        ),
        (
            "sasl_plaintext://a:1/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 4ms in state AUTH_REQ)",
            .refused, "a:1", false
        ),
        ("a:1/bootstrap: Invalid response size 352518912 (0..100000000): increase receive.message.max.bytes", .needsTLS, "a:1", false),
        ("a:1/bootstrap: Invalid response size 1213486160 (0..100000000): increase receive.message.max.bytes", .notKafka, "a:1", false),
    ])
    func librdkafkasWordsAreUnderstood(_ text: String, _ kind: ConnectionProblem.Kind, _ address: String, _ isAdvertised: Bool) throws {
        let problem = try #require(ConnectionProblem(text))
        #expect(problem.kind == kind && problem.address == address && problem.isAdvertised == isAdvertised)
        #expect(problem.sentence.contains(address) && !problem.sentence.contains("(after"))
    }

    @Test func onlyConnectionsHaveConnectionProblems() {
        #expect(ConnectionProblem("1/1 brokers are down") == nil)
        #expect(ConnectionProblem("") == nil)
        #expect(ConnectionProblem("orders [0]: Broker: Unknown topic or partition") == nil)
    }

    @Test func theMostTellingProblemIsToldOnceWhenItLasts() throws {
        var problems = ConnectionProblems()
        let start = ContinuousClock.now
        let away = try #require(ConnectionProblem("a:1/1: Connect to ipv4#1.1.1.1:1 failed: Connection refused"))
        let login = try #require(ConnectionProblem("a:2/bootstrap: SASL authentication error: Authentication failed"))
        problems.note(away, at: start)
        #expect(problems.foremost(at: start) == away)
        #expect(problems.news(at: start) == nil)
        problems.note(login, at: start)
        #expect(problems.foremost(at: start) == login)
        let told = [3, 4].map { problems.news(at: start + .seconds($0)) }
        #expect(told == [login, nil])
        #expect(problems.foremost(at: start + .seconds(100)) == nil)
        problems.note(login, at: start + .seconds(101))
        #expect(problems.foremost(at: start + .seconds(101)) == login)
        // An address that worked isn't wrong when its broker goes away.
        let lost = try #require(ConnectionProblem("a:3/3: Disconnected (after 100ms in state UP)"))
        let gone = try #require(ConnectionProblem("a:3/3: Connect to ipv4#1.1.1.1:3 failed: Connection refused"))
        #expect(gone.sentence.contains("advertised.listeners") && !lost.sentence.contains("advertised.listeners"))
        var later = ConnectionProblems()
        later.note(lost, at: start)
        later.note(gone, at: start)
        #expect(later.foremost(at: start)?.sentence.contains("advertised.listeners") == false)
        problems.clear()
        #expect(problems.foremost(at: start + .seconds(101)) == nil)
    }
}
