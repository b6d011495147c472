import TestSupport
import Testing

extension RealKafkaTests {
    /// Where reading begins, and when it has begun.
    @Suite struct Starts {
        /// Two partitions came while nobody ran; what waited in them was skipped in silence.
        @Test func partitionsAddedWhileStoppedAreReadFromTheirBeginning() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<5)
                try await first.await(5)
                try await patchbay.stop()
                try await cluster.admin.addPartitions("orders", upTo: 3)
                try await cluster.producer.produce("orders", 5..<10)
                try await cluster.producer.produce("orders", 100..<110, partition: 1)
                try await cluster.producer.produce("orders", 200..<210, partition: 2)
                try await patchbay.start()
                try await patchbay.explained("all 25 are read") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == 25
                }
                try await patchbay.stop()
                for partition in 0..<3 {
                    #expect(try await cluster.admin.committed("patchbay", "orders", partition: Int32(partition)) == 10)
                }
            }
        }

        /// The group expired while nobody ran: `latest` decides where it starts, which nobody was told.
        @Test func aGroupWithoutAPositionSaysWhereItStarts() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<20)
                try await first.await(20)
                try await patchbay.stop()
                try await cluster.admin.deleteGroup("patchbay")
                try await cluster.producer.produce("orders", 20..<30)
                try await patchbay.start()
                try await patchbay.awaitReady()
                // Thirty records lie before.
                try await patchbay.awaitLog("records_before=30")
                #expect(try await patchbay.get("/health").body.contains("30 records before"))
                #expect(patchbay.lines("has no committed offset").count == 1, "\(patchbay.log)")
                try await patchbay.stop()
            }
        }

        /// Ready, and confirmed subscriptions, came before start positions were known: 500 of 500 records were missed.
        @Test func readyMeansThatNothingIsMissedFromThenOn() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders", partitions: 50)
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<500, overPartitions: 50)
                try await client.await(500)
                #expect(client.numbers.sorted() == Array(0..<500))
                try await patchbay.stop()
            }
        }
    }
}
