import Foundation
import PatchbayCore
import PatchbayKafka
import PatchbayServer
import TestSupport
import Testing

@testable import patchbay

/// Dead letters that come back.
@Suite(.serialized) struct DeadLetterTests {
    /// Two routes that take each other's dead letters made 1,991 hops in 20 seconds. In one file that is an error; two
    /// processes with files of their own only have the record to learn it from.
    @Test func aRecordThatComesBackThroughAnotherProcessIsNotWrittenAgain() async throws {
        let kafka = try TestKafka(topics: [("x", 1), ("y", 1)])
        defer { kafka.close() }
        func start(_ name: String, _ from: String, _ to: String) async throws -> RunningRouter {
            try await RunningRouter.start(
                brokers: kafka.brokers,
                routes: "routes: [{ name: \(name), topic: \(from), transform: trade, channel: c, on_error: dead_letter, dead_letter: \(to) }]")
        }
        let one = try await start("one", "x", "y")
        let two = try await start("two", "y", "x")
        try kafka.produce("x", ["{\"no\":\"trade\"}"])
        try await eventually("the record to come back and be lost") { one.service.router.deadLettersLost == 1 }
        #expect(one.figures(of: "one")?.recordsIn == 2 && one.figures(of: "one")?.recordsDeadLettered == 1)
        #expect(two.figures(of: "two")?.recordsIn == 1 && two.figures(of: "two")?.recordsDeadLettered == 1)
        #expect(two.service.router.deadLettersLost == 0)
        // A record that others have refused is a dead letter of this route for the first time.
        try kafka.producer.produce(
            topic: "x", partition: 0, value: Array("{\"no\":1}".utf8), headers: [("patchbay.route", Array("another".utf8))])
        try await eventually("the second to come back and be lost") { one.service.router.deadLettersLost == 2 }
        let brokers = kafka.brokers
        let written = try await offPool { try (DeadLetterFile.read(brokers: brokers, topic: "x").count, DeadLetterFile.read(brokers: brokers, topic: "y").count) }
        #expect(written == (4, 2))
        await one.service.stop()
        await two.service.stop()
    }
}
