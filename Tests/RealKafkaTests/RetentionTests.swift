import TestSupport
import Testing

extension RealKafkaTests {
    /// Records that are gone before anybody read them.
    @Suite struct Retention {
        /// Stopped at offset 20; records up to 35 deleted; started again with the default `latest`. librdkafka applies
        /// `auto.offset.reset` to a position out of range, so 35 to 39 were skipped as well, the metric said 0 and
        /// health `ok`, and with the next record 20 were called deleted.
        @Test func whatIsLeftIsReadAndWhatIsGoneIsCounted() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<20)
                try await first.await(20)
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 20)

                try await cluster.producer.produce("orders", 20..<40)
                try await cluster.admin.deleteRecords("orders", before: 35)
                try await patchbay.start()
                let client = try await patchbay.subscribe()
                try await patchbay.explained("15 records are counted as gone") { try await patchbay.skipped() == 15 }
                try await patchbay.awaitHealth("degraded", "orders", "15")
                #expect(patchbay.lines("records were deleted at the broker").count == 1, "\(patchbay.log)")
                // They may have come before anybody subscribed; what is new comes to everybody.
                try await cluster.producer.produce("orders", 40..<45)
                try await patchbay.explained("all that is left was read") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == 10
                }
                try await client.await(5)
                #expect(client.numbers == Array(client.numbers[0]..<45), "\(client.numbers)")
                try await patchbay.explained("nothing waits") { try await patchbay.lag() == 0 }
                #expect(try await patchbay.skipped() == 15)
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 45)
            }
        }

        /// The same while it runs and stands still, as it does behind `on_error: stop`.
        @Test func whatIsDeletedWhileATopicIsHaltedIsCounted() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let stopping = "[{ topic: orders, transform: json, channel: orders, on_error: stop }]"
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, routes: stopping)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<10)
                try await client.await(10)
                try await cluster.producer.produce("orders", ["this is no JSON"])
                try await patchbay.awaitHealth("degraded", "stopped at")
                try await cluster.producer.produce("orders", 11..<40)
                try await cluster.admin.deleteRecords("orders", before: 30)

                // Any change of the file has the topic go on.
                try patchbay.write(routes: RunningPatchbay.orders)
                try patchbay.signal(1)
                try await client.await(20)
                #expect(client.numbers == Array(0..<10) + Array(30..<40))
                try await patchbay.explained("20 are counted as gone") { try await patchbay.skipped() == 20 }
                try await patchbay.stop()
            }
        }
    }
}
