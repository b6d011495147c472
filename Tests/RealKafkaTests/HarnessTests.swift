import Foundation
import TestSupport
import Testing

extension RealKafkaTests {
    /// The harness itself: each step that tests rely on does what it says.
    @Suite struct Harness {
        @Test func aNodeStartsServesAndGoesOnAfterKill() async throws {
            try await RealCluster.run { cluster in
                let admin = cluster.admin
                try await admin.create("orders", partitions: 2)
                try await cluster.producer.produce("orders", 0..<20)
                try await cluster.producer.produce("orders", 0..<5, partition: 1)
                #expect(try await admin.watermarks("orders") == (0, 20))
                try await admin.deleteRecords("orders", before: 15)
                #expect(try await admin.watermarks("orders") == (15, 20))
                try await admin.addPartitions("orders", upTo: 3)
                #expect(try await admin.listing()?.topics["orders"] == 3)

                try await cluster.restart()
                // A broker that is killed may forget what it deleted in the minute before.
                let low = try await admin.watermarks("orders").low
                #expect([0, 15].contains(low))
                #expect(try await admin.watermarks("orders") == (low, 20))
                try await cluster.producer.transact("orders", 20..<30)
                // Ten records, and the transaction's marker a moment later.
                try await eventually("a marker") { try await admin.watermarks("orders") == (low, 31) }
                try await cluster.producer.transact("orders", 20..<30, commits: false)
                try await eventually("another marker") { try await admin.watermarks("orders") == (low, 42) }
                try await admin.recreate("orders")
                #expect(try await admin.watermarks("orders") == (0, 0))

                try await cluster.restart(wiped: true)
                #expect(try await admin.listing()?.topics["orders"] == nil)
            }
        }

        @Test func recordsReachASubscriberAndAreCommitted() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<100)
                #expect(try await client.await(100) == Array(0..<100))
                #expect(try await patchbay.health().status == "ok")
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 100)
                try await cluster.admin.deleteGroup("patchbay")
                #expect(try await cluster.admin.committed("patchbay", "orders") == nil)
            }
        }
    }
}
