import TestSupport
import Testing

extension RealKafkaTests {
    /// What operators get wrong, and are told.
    @Suite struct Mistakes {
        /// The letter waited for five seconds, with the records behind it, and then `no reason known` was given.
        @Test func aDeadLetterTopicThatIsNotThereIsNamed() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let routes = "[{ topic: orders, transform: json, channel: orders, on_error: dead_letter, dead_letter: nowhere }]"
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, routes: routes)
                try await patchbay.awaitReady()
                try await cluster.producer.produce("orders", ["this is no JSON"])
                try await patchbay.awaitHealth("degraded", "nowhere")
                try await patchbay.awaitLog("nowhere")
                try await patchbay.stop()
            }
        }

        @Test func producingToATopicThatIsNotThereSaysSoAtOnce() async throws {
            try await RealCluster.run { cluster in
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                let begin = ContinuousClock.now
                let result = try await patchbay.command(["produce", "--brokers", cluster.brokers, "nowhere", "{}"])
                #expect(.now - begin < .seconds(8))
                #expect(result.code == 69)
                #expect(result.text.contains("nowhere") && result.text.contains("exist"), "\(result.text)")
                try await patchbay.stop()
            }
        }

        /// Each of our commits was a record of `__consumer_offsets`, which was consumed and committed, and so on.
        @Test func everythingDoesNotMeanInternalTopics() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let routes = "[{ topic: \"^.*\", transform: json, channel: orders }]"
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, routes: routes)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<5)
                try await client.await(5)
                try await eventually("that is committed") { try await cluster.admin.committed("patchbay", "orders") == 5 }
                #expect(!patchbay.log.contains("__consumer_offsets"), "\(patchbay.log)")
                #expect(try await patchbay.metric("patchbay_kafka_records_consumed_total", "__consumer_offsets") == nil)
                try await patchbay.stop()
            }
        }

        /// Each took the partitions from the other, once a second, for ever.
        @Test func twoNodesWithOneInstanceIdentifierBackOff() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let properties = ["group.instance.id": "the-same"]
                let one = try await RunningPatchbay(brokers: cluster.brokers, properties: properties)
                try await one.awaitReady()
                let two = try await RunningPatchbay(brokers: cluster.brokers, properties: properties)
                // The other is named: by its client and its host.
                try await one.awaitHealth(nil, "another member (patchbay at 127.0.0.1) of the group", timeout: .seconds(90))
                for patchbay in [one, two] {
                    // Not more than a handful while each was fenced: 18 in 20 seconds was the rule before.
                    #expect((try await patchbay.metric("patchbay_kafka_consumer_restarts_total") ?? 0) < 6)
                }
                try await two.stop()
                let client = try await one.subscribe()
                try await one.explained("the other has its place again", timeout: .seconds(150)) {
                    try await one.metric("patchbay_kafka_assigned_partitions") == 1
                }
                try await cluster.producer.produce("orders", 0..<5)
                try await client.await(5)
                try await one.stop()
            }
        }

        /// One record whose producer had its clock wrong added 25 years to the sum of delays.
        @Test func aRecordOfThePastDoesNotSpoilTheDelays() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", ["{\"n\":0}"], timestamp: 1_000_000_000_000)
                try await client.await(1)
                let sum = try await patchbay.metric("patchbay_delivery_delay_seconds_sum") ?? 0
                #expect(sum <= 86_400 * 7, "\(sum)")
                try await patchbay.stop()
            }
        }
    }
}
