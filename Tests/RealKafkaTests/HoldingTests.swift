import TestSupport
import Testing

extension RealKafkaTests {
    /// Steps that hold records: offsets are committed once what they hold has gone out.
    @Suite struct Holding {
        /// Every record has a key of its own and a minute to wait: only being told to can make it come.
        private static let holding = #"[{ topic: orders, transform: [json, { conflate: { key: "{n}", every: 60s } }], channel: orders }]"#

        @Test func whatIsHeldAtACrashComesAgain() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let first = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<5)
                try await first.await(5)
                try patchbay.write(routes: Self.holding)
                try patchbay.signal(1)
                try await patchbay.awaitLog("reloaded")
                try await cluster.producer.produce("orders", 5..<20)
                try await patchbay.explained("they are held") { try await patchbay.metric("patchbay_route_records_held") == 15 }
                try await eventually("what went out is committed") { try await cluster.admin.committed("patchbay", "orders") == 5 }
                try await patchbay.kill()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 5)
                try patchbay.write()
                try await patchbay.start()
                try await patchbay.explained("the held ones are read again") {
                    try await patchbay.metric("patchbay_kafka_records_consumed_total") == 15
                }
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 20)
            }
        }

        @Test func aMemberThatGivesAPartitionAwayHandsOutWhatItHolds() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders", partitions: 2)
                let one = try await RunningPatchbay(brokers: cluster.brokers, routes: Self.holding)
                try await one.awaitReady()
                let client = try await one.subscribe()
                try await cluster.producer.produce("orders", 0..<20, overPartitions: 2)
                try await one.explained("they are held") { try await one.metric("patchbay_route_records_held") == 20 }
                let two = try await RunningPatchbay(brokers: cluster.brokers, routes: Self.holding)
                try await two.awaitReady()
                try await client.await(10)
                try await one.stop()
                try await client.await(20)
                #expect(client.numbers.sorted() == Array(0..<20))
                try await two.explained("it has both") { try await two.metric("patchbay_kafka_assigned_partitions") == 2 }
                try await cluster.producer.produce("orders", 20..<24, overPartitions: 2)
                try await two.explained("only what is new is read") {
                    try await two.metric("patchbay_kafka_records_consumed_total") == 4
                }
                try await two.stop()
                for partition in [0, 1] as [Int32] {
                    #expect(try await cluster.admin.committed("patchbay", "orders", partition: partition) == 12)
                }
            }
        }
    }
}
