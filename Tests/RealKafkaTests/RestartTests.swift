import TestSupport
import Testing

extension RealKafkaTests {
    /// Brokers and processes that end without a goodbye.
    @Suite struct Restarts {
        /// Partitions came back after 44 s, the rest of the dead member's session.
        @Test func afterACrashPartitionsComeBackSoon() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<20)
                try await client.await(20)
                try await eventually("that is committed") { try await cluster.admin.committed("patchbay", "orders") == 20 }
                try await patchbay.kill()
                try await cluster.producer.produce("orders", 20..<30)
                let begin = ContinuousClock.now
                try await patchbay.start()
                try await patchbay.awaitReady()
                #expect(.now - begin < .seconds(20))
                try await patchbay.explained("what waited is read, once") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == 10
                }
                try await patchbay.stop()
            }
        }

        /// 37 s of silence with the broker up, after it had been away for longer than the session lasts.
        @Test func afterALongOutageRecordsComeSoon() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, properties: ["session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"])
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<20)
                try await client.await(20)
                try await cluster.restart {
                    try await patchbay.awaitHealth("unavailable", "no Kafka broker")
                    try await patchbay.awaitLog("partitions lost")
                }
                let begin = ContinuousClock.now
                try await cluster.producer.produce("orders", 20..<40)
                try await client.await(40)
                #expect(.now - begin < .seconds(20))
                #expect(client.numbers == Array(0..<40))
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
            }
        }

        /// At most a second of records comes again, and none is lost.
        @Test func aCrashUnderLoadLosesNothing() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<500)
                try await first.await(500)
                try await eventually("a commit") { try await cluster.admin.committed("patchbay", "orders") != nil }
                try await cluster.producer.produce("orders", 500..<5_000)
                try await first.await(1_000)
                try await patchbay.kill()
                let committed = try #require(try await cluster.admin.committed("patchbay", "orders"))
                try await patchbay.start()
                try await patchbay.explained("the rest is read") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == Double(5_000 - committed)
                }
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 5_000)
            }
        }
    }
}
