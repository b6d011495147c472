import TestSupport
import Testing

extension RealKafkaTests {
    /// How far behind is measured against what can be read.
    @Suite struct Lag {
        /// The marker that ends a transaction takes an offset but is no record: a lag of 1 stayed for ever, and of 502
        /// after 500 aborted records.
        @Test func transactionsLeaveNoLagBehind() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.transact("orders", 0..<10)
                try await client.await(10)
                try await patchbay.explained("the marker doesn't count") { try await patchbay.lag() == 0 }
                try await cluster.producer.transact("orders", 10..<510, commits: false)
                try await eventually("two markers") { try await cluster.admin.watermarks("orders").high == 512 }
                try await patchbay.explained("aborted records don't count") { try await patchbay.lag() == 0 }

                // Records behind an open transaction can't be read by anybody yet.
                let transaction = try await cluster.producer.begin()
                try await transaction.produce("orders", 510..<520)
                try await cluster.producer.produce("orders", 600..<610)
                try await patchbay.explained("nothing that can be read waits") { try await patchbay.lag() == 0 }
                #expect(client.numbers == Array(0..<10))
                try await transaction.end(commits: true)
                try await client.await(30)
                #expect(client.numbers == Array(0..<10) + Array(510..<520) + Array(600..<610))
                try await patchbay.explained("nothing waits") { try await patchbay.lag() == 0 }
                #expect(try await patchbay.skipped() == 0)
                #expect(try await patchbay.health().status == "ok")
                try await patchbay.stop()
            }
        }

        /// 2,000 records waited at the broker, whose quota let nothing through: lag 0, health `ok`.
        @Test func aQuotaIsToldAndHidesNothing() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, properties: ["fetch.message.max.bytes": "4000"])
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.limitFetching(of: "patchbay", to: 3_000)
                try await cluster.producer.produce("orders", 0..<2_000, padding: 100)
                try await patchbay.explained("what waits is counted") { (try await patchbay.lag() ?? 0) > 1_000 }
                try await patchbay.awaitHealth(nil, "quota")
                #expect((try await patchbay.metric("patchbay_kafka_throttle_seconds") ?? 0) > 0)
                try await cluster.limitFetching(of: "patchbay", to: nil)
                try await client.await(2_000, timeout: .seconds(120))
                #expect(client.numbers == Array(0..<2_000))
                try await patchbay.explained("nothing waits") { try await patchbay.lag() == 0 }
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
            }
        }
    }
}
