import TestSupport
import Testing

extension RealKafkaTests {
    /// Partitions that were lost to a deleted topic or a withdrawn right made librdkafka's clean-up wait for ever, and
    /// with it every stop and every reload: ten seconds, then two lines in the log that weren't true.
    @Suite struct Stopping {
        private static let routes = """
            [{ topic: orders, transform: json, channel: orders }, { topic: others, transform: json, channel: others }]
            """
        private static let remaining = "[{ topic: others, transform: json, channel: others }]"

        @Test func aDeletedTopicDoesNotHoldUpTheStop() async throws {
            try await RealCluster.run { cluster in
                let patchbay = try await Self.patchbayWithoutATopic(cluster)
                let client = try await patchbay.subscribe("others")
                try await cluster.producer.produce("others", 1..<2)
                try await client.await(1)
                #expect(try await patchbay.stop() < .seconds(8))
                Self.expectTruth(patchbay)
                #expect(try await cluster.admin.committed("patchbay", "others") == 2)
            }
        }

        @Test func aDeletedTopicDoesNotHoldUpAReload() async throws {
            try await RealCluster.run { cluster in
                let patchbay = try await Self.patchbayWithoutATopic(cluster)
                // Another group takes another consumer.
                try patchbay.write(group: "another", routes: Self.remaining)
                let begin = ContinuousClock.now
                try patchbay.signal(1)
                try await patchbay.awaitLog("configuration reloaded")
                #expect(.now - begin < .seconds(8))
                Self.expectTruth(patchbay)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe("others")
                try await cluster.producer.produce("others", 1..<2)
                try await client.await(1)
                #expect(try await patchbay.stop() < .seconds(8))
            }
        }

        @Test func aWithdrawnRightIsToldAndDoesNotHoldUpTheStop() async throws {
            try await RealCluster.run(secured: .saslPlain, authorizer: true) { cluster in
                let (admin, user) = (cluster.admin, RealCluster.user.name)
                try await admin.create("orders")
                try await admin.allow(user, [.read, .describe], on: .topic("orders"))
                try await admin.allow(user, [.read], on: .group("patchbay"))
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.securedBrokers,
                    properties: Security.credentials.merging(["topic.metadata.refresh.interval.ms": "1000"]) { $1 })
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<5)
                try await client.await(5)
                try await admin.forbid(user, [.read, .describe], on: .topic("orders"))
                try await patchbay.awaitLog("partitions lost")
                try await patchbay.awaitHealth("degraded", "orders", "authorization")
                #expect(try await patchbay.stop() < .seconds(8))
                Self.expectTruth(patchbay)
            }
        }

        private static func patchbayWithoutATopic(_ cluster: RealCluster) async throws -> RunningPatchbay {
            try await cluster.admin.create("orders")
            try await cluster.admin.create("others")
            let patchbay = try await RunningPatchbay(
                brokers: cluster.brokers, routes: routes, properties: ["topic.metadata.refresh.interval.ms": "1000"])
            try await patchbay.awaitReady()
            try await cluster.producer.produce("orders", 0..<5)
            try await cluster.producer.produce("others", 0..<1)
            try await patchbay.explained("they are read") {
                try await patchbay.metric("patchbay_kafka_records_consumed_total") == 6
            }
            try await cluster.admin.delete("orders")
            try await patchbay.awaitLog("partitions lost")
            return patchbay
        }

        /// What the log says is what happened: the thread ended, records were committed, and no client was cut off.
        private static func expectTruth(_ patchbay: RunningPatchbay) {
            #expect(!patchbay.log.contains("didn't end"), "\(patchbay.log)")
            #expect(!patchbay.log.contains("were cut off"), "\(patchbay.log)")
        }
    }
}
