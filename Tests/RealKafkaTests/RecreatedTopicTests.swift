import TestSupport
import Testing

extension RealKafkaTests {
    /// Topics that have a second life under the same name.
    @Suite struct RecreatedTopics {
        /// Deleted and created again before anybody noticed: the new topic's first ten records were skipped in silence,
        /// because its offsets were below ours and librdkafka then goes to the end.
        @Test func itsFirstRecordsAreRead() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<50)
                try await client.await(50)
                try await cluster.admin.recreate("orders")
                try await cluster.producer.produce("orders", 100..<110)
                try await client.await(60)
                #expect(client.numbers == Array(0..<50) + Array(100..<110))
                #expect(patchbay.lines("recreated").count == 1, "\(patchbay.log)")

                // What is committed counts again as well: librdkafka's own commits only go forward.
                try await cluster.producer.produce("orders", 110..<120)
                try await client.await(70)
                try await eventually("20 are committed") { try await cluster.admin.committed("patchbay", "orders") == 20 }
                try await patchbay.explained("nothing waits") { try await patchbay.lag() == 0 }
                #expect(try await patchbay.skipped() == 0)
                try await patchbay.stop()
            }
        }

        /// After that nothing was committed until offsets passed the old ones, so a crash skipped or repeated records.
        @Test func aCrashAfterwardsRepeatsOrSkipsNothing() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, properties: ["group.instance.id": "one"])
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<50)
                try await client.await(50)
                try await cluster.admin.recreate("orders")
                try await cluster.producer.produce("orders", 100..<110)
                try await client.await(60)
                try await eventually("ten are committed") { try await cluster.admin.committed("patchbay", "orders") == 10 }
                try await patchbay.kill()
                try await cluster.producer.produce("orders", 110..<120)
                try await patchbay.start()
                try await patchbay.explained("ten more are read") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == 10
                }
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 20)
            }
        }

        /// Deleted and created again while nobody ran. A real broker deletes the group's positions with the topic, so that
        /// it can't be told from a topic that the group never read: `latest` holds, and what lies before is said.
        @Test func aTopicRecreatedWhileStoppedIsANewOneToItsGroup() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<50)
                try await first.await(50)
                try await patchbay.stop()
                try await cluster.admin.recreate("orders")
                #expect(try await cluster.admin.committed("patchbay", "orders") == nil)
                try await cluster.producer.produce("orders", 100..<110)
                try await patchbay.start()
                try await patchbay.awaitReady()
                try await patchbay.awaitLog("records_before=10")
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 110..<120)
                try await client.await(10)
                #expect(client.numbers == Array(110..<120))
                try await patchbay.stop()
            }
        }

        /// A broker that lost its disk: the topic is a new one.
        @Test func aWipedBrokersRecordsAreReadFromTheBeginning() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<50)
                try await client.await(50)
                try await cluster.restart(wiped: true)
                try await cluster.admin.create("orders")
                try await cluster.producer.produce("orders", 100..<110)
                try await client.await(60, timeout: .seconds(90))
                try await cluster.producer.produce("orders", 110..<120)
                try await client.await(70)
                #expect(client.numbers == Array(0..<50) + Array(100..<120))
                // A commit of the group that is gone was refused; that must not be told for ever.
                try await patchbay.explained("nothing about commits is left in health") {
                    try await patchbay.health().reasons.allSatisfy { !$0.contains("committed") }
                }
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 20)
            }
        }
    }
}
