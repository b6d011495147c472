import Foundation
import Logging
import PatchbayCore
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// Dead letters that come back.
@Suite(.serialized) struct DeadLetterTests {
    /// Two routes that take each other's dead letters made 1,991 hops in 20 seconds. In one file that is an error; two
    /// processes with files of their own only have the record to learn it from.
    @Test func aRecordThatComesBackThroughAnotherProcessIsNotWrittenAgain() async throws {
        let kafka = try TestKafka(topics: [("x", 1), ("y", 1)])
        defer { kafka.close() }
        let log = LogBook()
        func start(_ name: String, _ from: String, _ to: String) async throws -> RunningRouter {
            try await RunningRouter.start(
                brokers: kafka.brokers,
                routes:
                    "routes: [{ name: \(name), topic: \(from), transform: trade, channel: c, on_error: dead_letter, dead_letter: \(to) }]",
                logger: log.logger)
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
        try await eventually("the log to say so") {
            log.count(.error, "a refused record came back from a dead-letter topic") == 2
        }
        let brokers = kafka.brokers
        let written = try await offPool {
            try (DeadLetterFile.read(brokers: brokers, topic: "x").count, DeadLetterFile.read(brokers: brokers, topic: "y").count)
        }
        #expect(written == (4, 2))
        await one.service.stop()
        await two.service.stop()
    }

    private static let routes = """
        routes:
          - { name: trades, topic: trade-info, transform: trade, channel: trades, on_error: dead_letter, dead_letter: dead }
          - { name: tokens, topic: token-info, transform: json, channel: tokens }
        """

    private static let topics = [("trade-info", 1), ("token-info", 1), ("dead", 1)]

    private static func letters(_ kafka: TestKafka) async throws -> [String?] {
        let brokers = kafka.brokers
        return try await offPool { try DeadLetterFile.read(brokers: brokers, topic: "dead").map(\.value) }
    }

    /// Dead letters that no broker took within four seconds counted as lost, although librdkafka went on trying and
    /// often succeeded, and the offsets of their records were committed: a crash in between lost the record without a
    /// trace. Now the topic waits, and says so, until the letter's own report comes.
    @Test func aTopicWaitsForItsDeadLettersAndOthersGoOn() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        try kafka.produce("trade-info", [Sample.trade(0), "{\"no\":\"trade\"}"])
        try kafka.produce("token-info", ["1"])
        try kafka.kafka.failNext(.produce, with: Array(repeating: .transport, count: 100_000))
        // A shorter limit of librdkafka's own changes nothing: how long a letter is tried is `kafka.dead_letter_timeout`.
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: Self.routes, properties: ["message.timeout.ms": "300"])
        try await eventually("the other topic to be read") { router.figures(of: "tokens")?.recordsIn == 1 }
        try await eventually("the topic to be paused") {
            let health = router.service.health
            return health.topics.first { $0.topic == "trade-info" }?.state == "paused"
                && health.reasons.contains {
                    $0.hasPrefix("topic trade-info is paused: 1 refused record not accepted by the dead-letter topic dead for ")
                }
        }
        #expect(router.service.router.deadLettersWaiting == 1 && router.service.router.deadLettersLost == 0)
        #expect(router.figures(of: "trades")?.recordsDeadLettered == 0)
        #expect(router.service.health.status == .degraded && router.service.consumers.health.stuckThreads.isEmpty)

        try kafka.kafka.clearFailures(of: .produce)
        try kafka.produce("trade-info", [Sample.trade(1)])
        try await eventually("the letter to be written and the topic to go on") {
            router.figures(of: "trades")?.recordsIn == 3
        }
        #expect(router.figures(of: "trades")?.recordsDeadLettered == 1)
        #expect(router.service.router.deadLettersWaiting == 0 && router.service.router.deadLettersLost == 0)
        try await eventually("health to be ok") { router.service.health.status == .ok }
        #expect(try await Self.letters(kafka) == ["{\"no\":\"trade\"}"])
        await router.service.stop()
    }

    /// The same with a stop while the letter waits: its record was not committed, so the next run reads it again.
    @Test func aRecordWhoseDeadLetterWasNotTakenComesAgainAfterARestart() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        try kafka.produce("trade-info", [Sample.trade(0), "{\"no\":\"trade\"}", Sample.trade(1)])
        try kafka.kafka.failNext(.produce, with: Array(repeating: .transport, count: 100_000))
        let first = try await RunningRouter.start(brokers: kafka.brokers, group: "again", routes: Self.routes)
        try await eventually("a letter to wait") {
            first.service.router.deadLettersWaiting == 1 && first.figures(of: "trades")?.recordsIn == 3
        }
        await first.service.stop()
        #expect(first.service.router.deadLettersLost == 0)
        #expect(first.figures(of: "trades")?.recordsDeadLettered == 0)

        try kafka.kafka.clearFailures(of: .produce)
        let second = try await RunningRouter.start(brokers: kafka.brokers, group: "again", routes: Self.routes)
        try await eventually("the record to come again and be kept") {
            second.figures(of: "trades")?.recordsDeadLettered == 1
        }
        #expect(try await Self.letters(kafka).contains("{\"no\":\"trade\"}"))
        // The good one before it was committed, and nothing behind it.
        #expect(second.figures(of: "trades")?.recordsIn == 2)
        await second.service.stop()
    }

    /// What a letter that librdkafka refuses at once was lost for was never in the log: that was only looked for while letters
    /// were under way.
    @Test func aLetterThatIsRefusedAtOnceIsToldAsLost() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        let log = LogBook()
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: Self.routes, properties: ["message.max.bytes": "1000"], logger: log.logger)
        try kafka.produce("trade-info", ["{\"no\":\"\(String(repeating: "x", count: 2_000))\"}"])
        try await eventually("the letter to be lost") { router.service.router.deadLettersLost == 1 }
        try await eventually("the log to say so; it says \(log.lines)") {
            log.line(.error, "refused records were not accepted by the dead-letter topic")?.metadata["error"]?.description
                .contains("too large") == true
        }
        await router.service.stop()
    }

    /// An error that ends a producer for good, such as a missing right to write idempotently, took the letters that it had
    /// with it: neither written nor lost, and their records were committed. They go to another producer, once.
    @Test(arguments: [1, 1_000]) func lettersOfAProducerThatFailsForGoodGoToAnother(failures: Int) async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        let log = LogBook()
        let clusterAuthorizationFailed = KafkaErrorCode(rawValue: 31)
        // The test's own producer has its identifier from then on.
        try kafka.produce("trade-info", ["{\"no\":1}", "{\"no\":2}", Sample.trade(1)])
        try kafka.kafka.failNext(.initProducerID, with: Array(repeating: clusterAuthorizationFailed, count: failures))
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: Self.routes, deadLetterTimeout: "0s", logger: log.logger)
        if failures == 1 {
            try await eventually("both to be written; the log: \(log.lines)") {
                router.figures(of: "trades")?.recordsDeadLettered == 2
            }
            #expect(try await Self.letters(kafka) == ["{\"no\":1}", "{\"no\":2}"])
        } else {
            // The reason doesn't pass.
            try await eventually("both to be lost; the log: \(log.lines)") { router.service.router.deadLettersLost == 2 }
            try await eventually("the log to say so") {
                log.line(.error, "refused records were not accepted by the dead-letter topic")?.metadata["error"]?.description
                    .contains("authorization") == true
            }
        }
        try await eventually("none to wait, and the topic to be read") {
            router.service.router.deadLettersWaiting == 0 && router.figures(of: "trades")?.recordsIn == 3
                && router.service.health.topics.first { $0.topic == "trade-info" }?.state == "consuming"
        }
        await router.service.stop()
    }

    /// At a broker that took letters steadily and slowly, the thread waited 250 ms in place for every batch, so that no topic
    /// of the cluster got on, and then paused and told so, and fetched again what it had, three times a second.
    @Test func aSlowBrokerThatTakesEveryLetterPausesNothing() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        let log = LogBook()
        let router = try await RunningRouter.start(brokers: kafka.brokers, routes: Self.routes, logger: log.logger)
        try kafka.produce("trade-info", ["{\"no\":0}"])
        try await eventually("the first letter") { router.figures(of: "trades")?.recordsDeadLettered == 1 }
        try kafka.kafka.setRoundTripTime(milliseconds: 400)
        for number in 1...5 {
            try kafka.produce("trade-info", ["{\"no\":\(number)}"])
            try kafka.produce("token-info", ["\(number)"])
        }
        try await eventually("all letters") { router.figures(of: "trades")?.recordsDeadLettered == 6 }
        try await eventually("the other topic") { router.figures(of: "tokens")?.recordsIn == 5 }
        #expect(log.count(.warning, "topic is paused") == 0, "\(log.lines)")
        await router.service.stop()
    }

    /// What brokers don't take for `kafka.dead_letter_timeout` is given up: counted once, told, and the topic goes on.
    @Test func aDeadLetterThatTakesTooLongIsGivenUpOnce() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        try kafka.produce("trade-info", ["{\"no\":1}", "{\"no\":2}", Sample.trade(1)])
        try kafka.kafka.failNext(.produce, with: Array(repeating: .transport, count: 100_000))
        // A longer limit of librdkafka's own changes nothing either.
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: Self.routes, properties: ["message.timeout.ms": "300000"],
            deadLetterTimeout: "1s")
        try await eventually("both to be given up") { router.service.router.deadLettersLost == 2 }
        try await eventually("the topic to go on") {
            router.service.health.topics.first { $0.topic == "trade-info" }?.state == "consuming"
        }
        #expect(router.service.router.deadLettersWaiting == 0)
        #expect(router.figures(of: "trades")?.recordsDeadLettered == 0)
        try kafka.kafka.clearFailures(of: .produce)
        try kafka.produce("trade-info", ["{\"no\":3}"])
        try await eventually("the next letter") { router.figures(of: "trades")?.recordsDeadLettered == 1 }
        #expect(router.service.router.deadLettersLost == 2)
        #expect(try await Self.letters(kafka) == ["{\"no\":3}"])
        await router.service.stop()
    }

    /// Letters to a topic that isn't there were tried for half a minute and then given up without a reason.
    @Test func aDeadLetterTopicThatIsMissingIsSaidToBe() async throws {
        let kafka = try TestKafka(topics: Self.topics)
        defer { kafka.close() }
        try kafka.kafka.setTopicError("dead", .unknownTopicOrPartition)
        try kafka.produce("trade-info", ["{\"no\":\"trade\"}", Sample.trade(0)])
        let log = LogBook()
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: Self.routes, deadLetterTimeout: "20s", logger: log.logger)
        try await eventually("the letter to be given up and the topic to go on") {
            router.service.router.deadLettersLost == 1 && router.figures(of: "trades")?.recordsIn == 2
        }
        try await eventually("the reason") { log.line(.error, "refused records were not accepted by the dead-letter topic") != nil }
        let line = log.line(.error, "refused records were not accepted by the dead-letter topic")
        #expect(line?.metadata["error"]?.description == "topic `dead` doesn't exist: create it, or check its spelling")
        await router.service.stop()
    }
}
