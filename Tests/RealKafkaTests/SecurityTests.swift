import TestSupport
import Testing

extension RealKafkaTests {
    /// Brokers that can't be talked to, or not so: the cause that librdkafka knows reaches log, health and `check --live`.
    @Suite struct Security {
        static let credentials = [
            "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": RealCluster.user.name,
            "sasl.password": RealCluster.user.password,
        ]

        /// The right way in, as a check of the tests below.
        @Test func saslPlainWorks() async throws {
            try await RealCluster.run(secured: .saslPlain) { cluster in
                try await Self.expectDelivery(cluster, Self.credentials)
            }
        }

        @Test func tlsWorksAndAPlainClientIsToldAboutIt() async throws {
            try await RealCluster.run(secured: .tls) { cluster in
                try await Self.expectDelivery(cluster, ["security.protocol": "ssl", "ssl.ca.location": cluster.certificate])
                try await Self.expectExplanation(cluster, [:], "security.protocol")
            }
        }

        /// Log and health said that no broker can be reached, and nothing else.
        @Test func aPlainClientOnASASLPortIsToldWhatIsWrong() async throws {
            try await RealCluster.run(secured: .saslPlain) { cluster in
                try await cluster.admin.create("orders")
                try await Self.expectExplanation(cluster, [:], "SASL")
            }
        }

        /// `/health` said that no broker can be reached, although one had answered.
        @Test func aRefusedPasswordIsToldAsSuch() async throws {
            try await RealCluster.run(secured: .saslPlain) { cluster in
                try await cluster.admin.create("orders")
                let wrong = Self.credentials.merging(["sasl.password": "not-it"]) { $1 }
                try await Self.expectExplanation(cluster, wrong, "Invalid username or password")
            }
        }

        /// The broker tells clients an address where nobody listens: nothing at all was logged, and `check --live` said ok.
        @Test(arguments: ["127.0.0.1:9", "broker.invalid:9092"])
        func aWrongAdvertisedListenerIsNamed(address: String) async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                try await cluster.restart(changes: [("advertised.listeners", "PLAINTEXT://\(address)")])
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitHealth(nil, address)
                try await patchbay.awaitLog(address)
                #expect(patchbay.lines("advertised").count == 1, "\(patchbay.log)")
                try await patchbay.stop()
                let check = try await patchbay.command(["check", "--live", patchbay.path])
                #expect(check.code != 0)
                #expect(check.text.contains(address), "\(check.text)")
            }
        }

        private static func expectDelivery(_ cluster: RealCluster, _ properties: [String: String]) async throws {
            try await cluster.admin.create("orders")
            let patchbay = try await RunningPatchbay(brokers: cluster.securedBrokers, properties: properties)
            try await patchbay.awaitReady()
            let client = try await patchbay.subscribe()
            try await cluster.producer.produce("orders", 0..<10)
            #expect(try await client.await(10) == Array(0..<10))
            let check = try await patchbay.command(["check", "--live", patchbay.path])
            #expect(check.code == 0, "\(check.text)")
            try await patchbay.stop()
        }

        private static func expectExplanation(
            _ cluster: RealCluster, _ properties: [String: String], _ text: String
        ) async throws {
            let patchbay = try await RunningPatchbay(brokers: cluster.securedBrokers, properties: properties)
            try await patchbay.awaitHealth("unavailable", text)
            try await patchbay.awaitLog(text)
            try await patchbay.stop()
            let check = try await patchbay.command(["check", "--live", patchbay.path])
            #expect(check.code == 69)
            #expect(check.text.contains(text), "\(check.text)")
        }
    }
}
