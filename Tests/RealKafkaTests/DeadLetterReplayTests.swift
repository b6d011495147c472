import Foundation
import TestSupport
import Testing

extension RealKafkaTests {
    /// Dead letters that are produced again, in real transactions.
    @Suite struct DeadLetterReplays {
        /// A replay that is killed in the middle leaves letters that are replayed and letters that are not, and none in between.
        @Test func whateverEndsARunEachLetterIsReplayedOnce() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders", partitions: 2)
                try await cluster.admin.create("dead", partitions: 2)
                func routes(_ transformer: String) -> String {
                    "[{ topic: orders, transform: \(transformer), channel: orders, on_error: dead_letter, dead_letter: dead }]"
                }
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, routes: routes("trade"))
                try await patchbay.awaitReady()
                try await cluster.producer.produce("orders", 0..<200, overPartitions: 2)
                try await patchbay.explained("all are refused") {
                    try await patchbay.metric("patchbay_route_records_dead_lettered_total") == 200
                }
                try await patchbay.stop()
                try patchbay.write(routes: routes("json"))
                try await patchbay.start()
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()

                func run(_ arguments: String...) async throws -> String {
                    let result = try await patchbay.command(["dead-letter"] + arguments + ["--config", patchbay.path])
                    guard result.code == 0 else { throw KafkaFailure("\(arguments) ended with \(result.code): \(result.text)") }
                    return result.text
                }
                let killed = try PatchbayProgram(["dead-letter", "replay", "--rate", "40", "--yes", "--config", patchbay.path])
                try await client.await(20)
                killed.signal(SIGKILL)
                _ = try await killed.exitCode()
                let rest = try await run("replay", "--yes")
                #expect(rest.contains("replayed before"), "\(rest)")
                try await client.await(200)
                #expect(try await run("replay", "--yes").hasPrefix("0 letters replayed\n200 letters were replayed before"))
                try await cluster.producer.produce("orders", 1_000..<1_001)
                try await client.await(201)
                #expect(client.numbers.sorted() == Array(0..<200) + [1_000])
                #expect(try await run("list", "--since", "1h", "--limit", "1000").hasSuffix("200 letters in dead\n"))
                #expect(try await run("list", "--since", "2099-01-01") == "0 letters in dead\n")
                try await patchbay.stop()
            }
        }

        /// Two that were started together both had the letters in their plans.
        @Test func twoReplaysAtOnceReplayEachLetterOnce() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                try await cluster.admin.create("dead")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers,
                    routes: "[{ topic: orders, transform: trade, channel: orders, on_error: dead_letter, dead_letter: dead }]")
                try await patchbay.awaitReady()
                try await cluster.producer.produce("orders", 0..<100)
                try await patchbay.explained("all are refused") {
                    try await patchbay.metric("patchbay_route_records_dead_lettered_total") == 100
                }
                try await patchbay.stop()
                try patchbay.write(
                    routes: "[{ topic: orders, transform: json, channel: orders, on_error: dead_letter, dead_letter: dead }]")
                try await patchbay.start()
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                let slow = try PatchbayProgram(["dead-letter", "replay", "--rate", "20", "--yes", "--config", patchbay.path])
                try await client.await(10)
                let quick = try await patchbay.command(["dead-letter", "replay", "--yes", "--config", patchbay.path])
                #expect(quick.code == 0, "\(quick.text)")
                #expect(try await slow.exitCode() == 69, "\(slow.text)")
                #expect(slow.text.contains("another replay of this topic has begun"), "\(slow.text)")
                try await client.await(100)
                try await cluster.producer.produce("orders", 1_000..<1_001)
                try await client.await(101)
                #expect(client.numbers == Array(0..<100) + [1_000])
                try await patchbay.stop()
            }
        }
    }
}
