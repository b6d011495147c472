import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import Synchronization
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayRuntime

/// What breaks around the router, and what clients and operators then see: the matrix of docs/reliability.md, row by row.
@Suite(.timeLimit(.minutes(3))) struct FaultTests {
    // MARK: Brokers

    @Test func brokersThatGoAwayAreToldAndCostNoRecord() async throws {
        try await Scene.run { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<20)
            try await scene.expect(0..<20, at: client)
            #expect(try await scene.metric("patchbay_kafka_reachable{cluster=\"default\"}") == 1)

            try scene.kafka.takeDown()
            try await scene.awaitHealth(.unavailable, reason: "no Kafka broker can be reached at \(scene.kafka.bootstrapServers)")
            #expect(try await scene.get("/health").status == 503)
            #expect(try await scene.metric("patchbay_kafka_reachable{cluster=\"default\"}") == 0)
            #expect(try await scene.metric("patchbay_healthy") == 0)
            // Restarting this process or sending its clients elsewhere would not help.
            #expect(try await scene.get("/health/live").status == 200)
            #expect(try await scene.get("/health/ready").status == 200)
            try await scene.expectAnswers(client)
            try scene.enqueue(20..<40)

            try scene.kafka.bringUp()
            try await scene.expect(20..<40, at: client)
            try await scene.awaitHealth(.ok)
            #expect(try await scene.metric("patchbay_kafka_reachable{cluster=\"default\"}") == 1)
            #expect(scene.log.count(.warning, "no Kafka broker can be reached; retrying") == 1)
            #expect(scene.log.line(.info, "Kafka brokers are back")?.metadata["away"] != nil)
            try await scene.expectNothingElse(at: client, after: 40)
        }
    }

    /// The other broker has the partition's records, as a replica would.
    @Test func oneBrokerOfTwoIsNotMissed() async throws {
        try await Scene.run(brokers: 2) { scene in
            let kafka = scene.kafka
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)

            // The group stays where it is; that it finds another coordinator is librdkafka's business.
            try kafka.setCoordinator(group: scene.group, broker: 2)
            try kafka.setLeader(topic: "trade-info", partition: 0, broker: 2)
            try kafka.takeDown(broker: 1)
            try scene.enqueue(10..<20)
            try await scene.expect(10..<20, at: client)
            #expect(try await scene.metric("patchbay_kafka_reachable{cluster=\"default\"}") == 1)
            #expect(scene.log.count(.warning, "no Kafka broker can be reached") == 0)
            try kafka.bringUp(broker: 1)
            try await scene.awaitHealth(.ok)
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    @Test func slowBrokersDelayRecordsAndNothingElse() async throws {
        try await Scene.run { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<1)
            try await scene.expect(0..<1, at: client)
            let before = try await scene.metric("patchbay_delivery_delay_seconds_sum") ?? 0

            try scene.kafka.setRoundTripTime(milliseconds: 400)
            try scene.enqueue(1..<11)
            try await scene.expect(1..<11, at: client)
            #expect(scene.health.status == .ok, "\(scene.health.reasons)")
            #expect(try await scene.get("/health/live").status == 200)
            #expect(try await scene.get("/health/ready").status == 200)
            let after = try await scene.metric("patchbay_delivery_delay_seconds_sum") ?? 0
            #expect(after - before >= 0.4)
            #expect(scene.log.lines.allSatisfy { $0.level < .warning }, "\(scene.log.lines)")
            try scene.kafka.setRoundTripTime(milliseconds: 0)
            try await scene.expectNothingElse(at: client, after: 11)
        }
    }

    /// Too slow for the session: the group gives the member up, which then joins again.
    @Test func brokersThatHangCostTheAssignmentAndNoRecord() async throws {
        try await Scene.run { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)

            try scene.kafka.setRoundTripTime(milliseconds: 6_000)
            try await scene.awaitHealth(.degraded, reason: "waiting for the consumer group to assign partitions")
            #expect(scene.log.line(.warning, "partitions lost; records since the last commit may") != nil)
            #expect(try await scene.get("/health").status == 200)
            #expect(try await scene.get("/health/ready").status == 503)
            #expect(try await scene.get("/health/live").status == 200)
            #expect(try await scene.metric("patchbay_healthy") == 0.5)
            #expect(try await scene.metric(Scene.assigned) == 0)
            try await scene.expectAnswers(client)

            try scene.kafka.setRoundTripTime(milliseconds: 0)
            try scene.enqueue(10..<20)
            try await scene.expect(10..<20, at: client)
            try await scene.awaitHealth(.ok)
            #expect(try await scene.metric(Scene.assigned) == 1)
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    // MARK: Error codes

    @Test func fetchErrorsThatPassAreNotEvenTold() async throws {
        let leaderNotAvailable = KafkaErrorCode(rawValue: 5)
        let storageError = KafkaErrorCode(rawValue: 56)
        try await Scene.run { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
            for error in [KafkaErrorCode.notLeader, .transport, leaderNotAvailable, storageError] {
                try scene.kafka.failNext(.fetch, with: [error, error])
            }
            try scene.produce(10..<20)
            try await scene.expect(10..<20, at: client)
            try await scene.awaitHealth(.ok)
            #expect(scene.log.lines.allSatisfy { $0.level < .warning }, "\(scene.log.lines)")
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    @Test func aFetchThatIsForbiddenIsToldUntilItIsAllowed() async throws {
        try await Scene.run { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
            try scene.kafka.failNext(.fetch, with: Array(repeating: .topicAuthorizationFailed, count: 10_000))
            try await scene.awaitHealth(.degraded, reason: "topic trade-info: ")
            #expect(scene.health.reasons.contains { $0.contains("Topic authorization failed") })
            #expect(try await scene.metric("patchbay_healthy") == 0.5)
            let line = try #require(scene.log.line(.warning, "topic can't be read yet; retrying"))
            #expect(line.metadata["topic"] == "trade-info")
            try scene.produce(10..<20)
            try await scene.expectAnswers(client)

            try scene.kafka.clearFailures(of: .fetch)
            try await scene.expect(10..<20, at: client)
            try await scene.awaitHealth(.ok)
            #expect(try await scene.metric("patchbay_healthy") == 1)
            #expect(scene.log.count(.warning, "topic can't be read yet") == 1)
            #expect(scene.log.count(.info, "topic can be read again") == 1)
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    /// A pattern that matched nothing at first was a problem of the topic `^…`, and stayed one after topics had come.
    @Test func aPatternThatWaitsForItsFirstTopicIsNoFault() async throws {
        let routes = Scene.routes + "\n  - { topic: \"^more[.].*\", transform: trade, channel: more }"
        try await Scene.run(routes: routes) { scene in
            try await eventually("librdkafka to have looked for topics") {
                scene.log.lines.contains { $0.message.hasPrefix("no topic matches the pattern yet") }
            }
            #expect(scene.health.status == .ok, "\(scene.health.reasons)")
            let client = try await scene.subscriber("more")
            try scene.kafka.createTopic("more.a", partitions: 1)
            try scene.producer.produce(topic: "more.a", partition: 0, value: Sample.trade(1))
            try scene.producer.flush(timeoutMilliseconds: 20_000)
            #expect(Sample.number(try await client.receive()) == 1)
            #expect(scene.health.status == .ok, "\(scene.health.reasons)")
            #expect(scene.health.topics.map(\.topic) == ["trade-info", "more.a"])
        }
    }

    /// The one fault that may repeat records, and only to clients of the next run.
    @Test func commitsThatAreRefusedDisturbNobodyUntilTheRestart() async throws {
        let groupAuthorizationFailed = KafkaErrorCode(rawValue: 30)
        let kafka = try TestKafka(topics: Scene.topics)
        defer { kafka.close() }
        // The first position is committed before anything fails.
        try await Scene.run(on: kafka, group: "commits") { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
        }
        try await Scene.run(on: kafka, group: "commits") { scene in
            let client = try await scene.subscriber()
            try kafka.kafka.failNext(.offsetCommit, with: Array(repeating: groupAuthorizationFailed, count: 10_000))
            try scene.produce(10..<20)
            try await scene.expect(10..<20, at: client)
            try await eventually("the refusal to be logged") {
                scene.log.line(.warning, "record offsets can't be committed; a restart would repeat records")?
                    .metadata["reason"] == "Broker: Group authorization failed"
            }
            try scene.produce(20..<30)
            try await scene.expect(20..<30, at: client)
            try await eventually("health to say what a restart would cost") {
                scene.health.reasons.contains { $0.contains("a restart would repeat records: Broker: Group authorization failed") }
            }
            #expect(scene.health.status == .degraded, "\(scene.health.reasons)")
            #expect(try #require(await scene.metric("patchbay_kafka_commit_failures_total{cluster=\"default\"}")) >= 1)
            try await scene.expectNothingElse(at: client, after: 30)
            await scene.stop()
            #expect(
                scene.log.lines.count { $0.message == "record offsets can't be committed; a restart would repeat records" } == 1)
            let line = try #require(scene.log.line(.warning, "commit failed; the records since the last commit may be read again"))
            #expect(line.metadata["group"] == "commits")
        }
        try kafka.kafka.clearFailures(of: .offsetCommit)
        // At least once: exactly what was not committed comes again, in order.
        try Scene.refuseJoins(of: kafka)
        try await Scene.run(on: kafka, group: "commits", awaitsAssignment: false) { scene in
            let client = try await scene.subscriber()
            try kafka.kafka.clearFailures(of: .joinGroup)
            try await scene.expect(10..<30, at: client)
            try await scene.expectNothingElse(at: client, after: 30)
        }
    }

    @Test func refusedJoinsKeepClientsWaitingAndAreToldWhy() async throws {
        let kafka = try TestKafka(topics: Scene.topics)
        defer { kafka.close() }
        try Scene.refuseJoins(of: kafka)
        try await Scene.run(on: kafka, awaitsAssignment: false) { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.awaitHealth(.degraded, reason: "waiting for the consumer group to assign partitions")
            try await eventually("the reason to be logged") {
                scene.log.line(.warning, "Kafka reports an error")?.metadata["reason"]?.description
                    .contains("Group authorization failed") == true
            }
            let ready = try await scene.get("/health/ready")
            #expect(ready.status == 503 && ready.body.contains("no partitions are assigned to this node yet"))
            #expect(try await scene.get("/health/live").status == 200)
            #expect(try await scene.metric(Scene.assigned) == 0)
            try await scene.expectAnswers(client)

            try kafka.kafka.clearFailures(of: .joinGroup)
            try await scene.expect(0..<10, at: client)
            try await scene.awaitHealth(.ok)
            #expect(try await scene.get("/health/ready").status == 200)
            try await scene.expectNothingElse(at: client, after: 10)
        }
    }

    @Test func aFencedConsumerIsRecreated() async throws {
        let fenced = KafkaErrorCode(rawValue: 82)
        let kafka = try TestKafka(topics: Scene.topics)
        defer { kafka.close() }
        try kafka.kafka.failNext(.joinGroup, with: Array(repeating: fenced, count: 10_000))
        try await Scene.run(
            on: kafka, properties: ["group.instance.id": "one"], awaitsAssignment: false
        ) { scene in
            try await scene.awaitHealth(.unavailable, reason: "the Kafka consumer failed: ")
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expectAnswers(client)
            try kafka.kafka.clearFailures(of: .joinGroup)
            try await scene.expect(0..<10, at: client)
            // For a while: the two would fence each other again.
            try await scene.awaitHealth(.degraded, reason: "another member of the group ")
            let line = try #require(scene.log.line(.error, "Kafka consumer failed; recreating it"))
            #expect(line.metadata["retry_in_ms"] != nil)
            #expect(
                try await scene.metric("patchbay_kafka_consumer_restarts_total{cluster=\"default\"}")
                    == Double(scene.log.count(.error, "recreating it")))
            try await scene.expectNothingElse(at: client, after: 10)
        }
    }

    @Test func aMemberThatTheGroupForgotGoesOnWhereItWas() async throws {
        let unknownMember = KafkaErrorCode(rawValue: 25)
        // Nothing is committed in passing, so that only the consumer itself knows where it was.
        try await Scene.run(properties: ["auto.commit.interval.ms": "60000"]) { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
            try scene.kafka.failNext(.heartbeat, with: [unknownMember])
            try await scene.awaitHealth(.degraded, reason: "waiting for the consumer group to assign partitions")
            #expect(scene.log.line(.warning, "partitions lost; records since the last commit may") != nil)
            try scene.produce(10..<20)
            try await scene.expect(10..<20, at: client)
            try await scene.awaitHealth(.ok)
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    // MARK: Alerts

    @Test func lagIsAnAlertFromItsThresholdUntilItIsCaughtUp() async throws {
        let gate = Gate(.trickle)
        let alerts = "alerts: { lag: 100, for: 0s, ends_below: 0.5 }\n"
        try await Scene.run(
            routes: alerts + Scene.gated, gate: gate, environment: ["KAFKA_BATCH_SIZE": "1"]
        ) { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<2_000)
            try await scene.awaitHealth(
                .degraded, reason: "topic trade-info on cluster default lags behind by more than its threshold of 100 records")
            let health = scene.health
            #expect(health.reasons.contains { $0.contains(", since ") })
            #expect((health.topics.first?.lag ?? 0) > 100)
            #expect(try await scene.metric(Scene.alert("lag")) == 1)
            #expect(
                try await scene.metric("patchbay_kafka_lag_records{cluster=\"default\",topic=\"trade-info\",partition=\"0\"}") ?? 0 > 50)
            let started = try #require(scene.log.line(.warning, "alert started"))
            #expect(started.metadata["alert"] == "lag" && started.metadata["threshold"]?.description == "100")

            gate.set(.open)
            try await scene.expect(0..<2_000, at: client)
            try await eventually("the alert to end") { scene.log.line(.notice, "alert ended") != nil }
            try await scene.awaitHealth(.ok)
            #expect(try await scene.metric(Scene.alert("lag")) == nil)
            #expect(scene.log.line(.notice, "alert ended")?.metadata["peak_lag"] != nil)
            #expect(scene.log.count(.warning, "alert started") == 1)
            try await scene.expectNothingElse(at: client, after: 2_000)
        }
    }

    @Test func anotherMemberOfTheGroupIsAnAlertUntilItLeaves() async throws {
        let routes = "alerts: { settling: 0s }\n" + Scene.routes
        let kafka = try TestKafka(topics: [("trade-info", 2)])
        defer { kafka.close() }
        try await Scene.run(on: kafka, group: "shared", routes: routes) { first in
            let one = try await first.subscriber()
            try await Scene.run(on: kafka, group: "shared", routes: routes) { second in
                let other = try await second.subscriber()
                try await first.awaitHealth(.degraded, reason: "this node reads 1 of 2 partitions of topic trade-info")
                try await second.awaitHealth(.degraded, reason: "this node reads 1 of 2 partitions of topic trade-info")
                for scene in [first, second] {
                    #expect(try await scene.metric(Scene.alert("partial_assignment")) == 1)
                    #expect(try await scene.metric(Scene.assigned) == 1)
                    #expect(try await scene.metric("patchbay_kafka_topic_partitions{cluster=\"default\",topic=\"trade-info\"}") == 2)
                    let line = try #require(scene.log.line(.warning, "alert started"))
                    #expect(line.metadata["alert"] == "partial_assignment")
                }
                // Each record reaches the clients of one node only: this is what the alert warns of.
                let partitions = first.service.consumers.statuses[0].status.topics[0].assigned.map(\.partition)
                let own = try #require(partitions.first)
                try kafka.produce("trade-info", (0..<10).map(Sample.trade), partition: own)
                try kafka.produce("trade-info", (10..<20).map(Sample.trade), partition: 1 - own)
                try await first.expect(0..<10, at: one)
                try await second.expect(10..<20, at: other)
            }
            try await eventually("the alert to end") { first.log.line(.notice, "alert ended") != nil }
            try await first.awaitHealth(.ok)
            #expect(try await first.metric(Scene.alert("partial_assignment")) == nil)
            #expect(try await first.metric(Scene.assigned) == 2)
            try kafka.produce("trade-info", (20..<30).map(Sample.trade), partition: 0)
            try await first.expect(20..<30, at: one)
            try kafka.produce("trade-info", (30..<40).map(Sample.trade), partition: 1)
            try await first.expect(30..<40, at: one)
        }
    }

    // MARK: The process itself

    @Test func aStuckConsumerThreadFailsTheLivenessProbeWithinTenSeconds() async throws {
        let gate = Gate(.open)
        try await Scene.run(routes: Scene.gated, gate: gate) { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
            #expect(try await scene.get("/health/live").status == 200)

            gate.set(.closed)
            try scene.produce(10..<20)
            try await eventually("the thread to be stuck") { gate.isHolding }
            let start = ContinuousClock.now
            try await eventually("the liveness probe to fail") { try await scene.get("/health/live").status == 503 }
            #expect(.now - start < .seconds(10))
            let live = try await scene.get("/health/live")
            #expect(live.body.contains("not_live") && live.body.contains("the consumer thread has been stuck for "))
            try await scene.awaitHealth(.unavailable, reason: "the consumer thread has been stuck for ")
            #expect(try await scene.metric("patchbay_healthy") == 0)
            // Only what it reads stands still.
            try await scene.expectAnswers(client)

            gate.set(.open)
            try await eventually("the liveness probe to recover") { try await scene.get("/health/live").status == 200 }
            try await scene.expect(10..<20, at: client)
            try await scene.awaitHealth(.ok)
            try await scene.expectNothingElse(at: client, after: 20)
        }
    }

    @Test func deadLettersThatTheBrokerRefusesAreCountedAsLost() async throws {
        let routes = """
            routes:
              - { topic: trade-info, transform: trade, channel: trades, on_error: dead_letter, dead_letter: dead }
            """
        let kafka = try TestKafka(topics: Scene.topics + [("dead", 1)])
        defer { kafka.close() }
        try kafka.produce("trade-info", ["{\"no\":\"trade\"}", Sample.trade(0)])
        try kafka.kafka.failNext(.produce, with: Array(repeating: .messageTooLarge, count: 10_000))
        try Scene.refuseJoins(of: kafka)
        try await Scene.run(on: kafka, routes: routes, awaitsAssignment: false) { scene in
            let client = try await scene.subscriber()
            try kafka.kafka.clearFailures(of: .joinGroup)
            try await scene.expect(0..<1, at: client)
            try await eventually("the loss to be counted") {
                try await scene.metric("patchbay_dead_letters_lost_total") == 1
            }
            let words = "refused records were not accepted by the dead-letter topic and are lost"
            try await eventually("the log to say so") { scene.log.line(.error, words) != nil }
            let line = try #require(scene.log.line(.error, words))
            #expect(line.metadata["records"]?.description == "1")
            #expect(line.metadata["error"]?.description.contains("Message size too large") == true)
            // The refusal itself is logged too, with the record's coordinates: that is where to look for it.
            let refusal = try #require(scene.log.line(.warning, "record rejected"))
            #expect(refusal.metadata["topic"] == "trade-info" && refusal.metadata["record_offset"] == "0")

            try kafka.kafka.clearFailures(of: .produce)
            try kafka.produce("trade-info", ["{\"no\":\"trade either\"}"] + [Sample.trade(1)])
            try await scene.expect(1..<2, at: client)
            let brokers = kafka.brokers
            let letters = try await offPool { try DeadLetterFile.read(brokers: brokers, topic: "dead") }
            #expect(letters.map(\.value) == ["{\"no\":\"trade either\"}"])
            #expect(try await scene.metric("patchbay_dead_letters_lost_total") == 1)
            try await scene.expectNothingElse(at: client, after: 2)
        }
    }

    @Test func recordsThatRetentionDeletedAreCountedAndNamed() async throws {
        let kafka = try TestKafka(topics: Scene.topics)
        defer { kafka.close() }
        let routes = "routes:\n  - { topic: trade-info, transform: json, channel: trades }"
        let pad = String(repeating: "x", count: 4_000)
        func records(_ numbers: Range<Int>) -> [String] { numbers.map { "{\"Seq\":\($0),\"pad\":\"\(pad)\"}" } }
        try await Scene.run(on: kafka, group: "retention", routes: routes) { scene in
            let client = try await scene.subscriber()
            try kafka.produce("trade-info", records(0..<10))
            try await scene.expect(0..<10, at: client)
        }
        // While nobody reads, more comes than the brokers keep: about 5 MB of a partition.
        try kafka.produce("trade-info", records(10..<2_000))
        try Scene.refuseJoins(of: kafka)
        try await Scene.run(on: kafka, group: "retention", routes: routes, awaitsAssignment: false) { scene in
            let client = try await scene.subscriber()
            try kafka.kafka.clearFailures(of: .joinGroup)
            let oldest = try #require(Sample.number(try await client.receive()))
            #expect(oldest > 10)
            try await scene.expect(oldest + 1..<2_000, at: client)
            let skipped = oldest - 10
            try await scene.awaitHealth(
                .degraded, reason: "topic trade-info: \(skipped) records were deleted by the brokers before they were read")
            #expect(
                try await scene.metric("patchbay_kafka_records_skipped_total{cluster=\"default\",topic=\"trade-info\"}")
                    == Double(skipped))
            let line = try #require(scene.log.line(.warning, "records were deleted at the broker before they were read"))
            #expect(line.metadata["from"] == "10" && line.metadata["to"]?.description == "\(oldest)")
        }
    }

    /// Readiness first, so that nobody new is sent here; then the goodbye; then the end.
    @Test func aShutdownSaysGoodbyeInOrder() async throws {
        let environment = ["DRAIN_DELAY": "8s", "RECONNECT_EARLIEST": "2s", "RECONNECT_LATEST": "4s"]
        try await Scene.run(environment: environment) { scene in
            let client = try await scene.subscriber()
            try scene.produce(0..<10)
            try await scene.expect(0..<10, at: client)
            #expect(try await scene.get("/health/ready").status == 200)

            let stopping = Task { await scene.stop() }
            try await eventually("readiness to end") { try await scene.get("/health/ready").status == 503 }
            #expect(try await scene.get("/health/ready").body.contains("the server is shutting down"))
            #expect(try await scene.get("/health/live").status == 200)
            #expect(scene.health.status == .unavailable)
            // Until the load balancers have noticed, everything goes on, for newcomers too. On a busy machine that takes seconds.
            let late = try await scene.subscriber()
            try scene.produce(10..<20)
            for client in [client, late] {
                try await scene.expect(10..<20, at: client)
                let goodbye = try await client.receive()
                #expect(goodbye.type == "server_shutdown")
                let time = try #require(Int(goodbye.data.drop { !$0.isNumber }.prefix { $0.isNumber }))
                #expect(goodbye.data.contains("\"reconnect_after_ms\":") && (2_000...4_000).contains(time), "\(goodbye.data)")
                let close = try await client.receiveFrame()
                #expect(close.opcode == 8 && close.closeCode == 1001)
                try await client.sendClose(1001)
                #expect(try await client.socket.receiveToEnd() == [])
            }
            await stopping.value
            #expect(scene.log.count(.warning, "clients did not close") == 0)
            #expect(throws: SocketFailure.self) { try TestSocket(port: scene.router.port) }
        }
    }

    // MARK: The matrix

    /// docs/reliability.md promises a test per row: each one named there exists, and each one here is named there.
    @Test func theMatrixNamesTestsThatExist() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let text = try String(
            contentsOf: folder.deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("docs/reliability.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") && $0.contains("Tests.") }
        #expect(rows.count >= 20)
        // Suites by name, with the files that declare them.
        var suites: [String: String] = [:]
        let folders =
            [folder]
            + ["PatchbayHTTPTests", "PatchbayKafkaTests"].map {
                folder.deletingLastPathComponent().appendingPathComponent($0)
            }
        let files = try folders.flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: folder.path).map { folder.appendingPathComponent($0) }
        }
        for file in files where file.pathExtension == "swift" {
            let source = try String(contentsOf: file, encoding: .utf8)
            for match in source.matches(of: /@Suite.* struct (\w+)/) { suites[String(match.1)] = source }
        }
        var named = Set<String>()
        for row in rows {
            let cell = try #require(row.split(separator: "|").last { $0.contains("Tests.") })
            let names = cell.split(separator: "`").map(String.init).filter { $0.contains("Tests.") }
            #expect(!names.isEmpty, "no test: \(row)")
            for name in names {
                let parts = name.split(separator: ".").map(String.init)
                try #require(parts.count == 2, "\(name)")
                #expect(suites[parts[0]]?.contains(" func \(parts[1])(") == true, "no test is called \(name)")
                named.insert(name)
            }
        }
        let own = try String(contentsOfFile: #filePath, encoding: .utf8)
        for match in own.matches(of: /@Test func (\w+)\(/) where match.1 != "theMatrixNamesTestsThatExist" {
            #expect(named.contains("FaultTests.\(match.1)"), "docs/reliability.md lacks \(match.1)")
        }
    }
}

// MARK: -

/// A router with its log, its HTTP endpoints, and the Kafka it reads.
private struct Scene {
    static let topics = [("trade-info", 1)]
    static let routes = "routes:\n  - { topic: trade-info, transform: trade, channel: trades }"
    /// Passes a `Gate`.
    static let gated = "routes:\n  - { topic: trade-info, transform: gated, channel: trades }"
    static let assigned = "patchbay_kafka_assigned_partitions{cluster=\"default\",topic=\"trade-info\"}"

    static func alert(_ kind: String) -> String {
        "patchbay_alert_active{alert=\"\(kind)\",cluster=\"default\",topic=\"trade-info\"}"
    }

    let kafka: EmbeddedKafka
    let producer: Producer
    let group: String
    let router: RunningRouter
    let log: LogBook
    private let stopping = Stopping()
    var service: RouterService { router.service }
    var health: HealthReport { service.health }

    /// Runs `body` with a Kafka of its own.
    static func run(
        brokers: Int = 1, routes: String = routes, gate: Gate? = nil, properties: [String: String] = [:],
        environment: [String: String] = [:], _ body: (Scene) async throws -> Void
    ) async throws {
        let kafka = try EmbeddedKafka(brokers: brokers, topics: topics)
        defer { kafka.close() }
        let producer = try Producer(brokers: [kafka.bootstrapServers], logger: TestKafka.quiet)
        defer { producer.close(timeoutMilliseconds: 100) }
        try await run(
            kafka, producer, group: Self.newGroup(), routes: routes, gate: gate, properties: properties,
            environment: environment, awaitsAssignment: true, body)
    }

    /// Runs `body` with a Kafka that outlives it.
    static func run(
        on kafka: TestKafka, group: String = newGroup(), routes: String = routes, properties: [String: String] = [:],
        awaitsAssignment: Bool = true, _ body: (Scene) async throws -> Void
    ) async throws {
        try await run(
            kafka.kafka, kafka.producer, group: group, routes: routes, gate: nil, properties: properties,
            environment: [:], awaitsAssignment: awaitsAssignment, body)
    }

    /// Starts a router, runs `body`, and stops the router whatever happens.
    ///
    /// - Parameter environment: wins over the routes file.
    private static func run(
        _ kafka: EmbeddedKafka, _ producer: Producer, group: String, routes: String, gate: Gate?,
        properties: [String: String], environment: [String: String], awaitsAssignment: Bool,
        _ body: (Scene) async throws -> Void
    ) async throws {
        // Many of these run beside each other, and the embedded Kafka answers an empty fetch only after this time.
        let properties = properties.merging(["fetch.wait.max.ms": "10"]) { given, _ in given }
        let file = try RoutesFile(
            // The first to ask; the others are learnt from it.
            brokers: String(kafka.bootstrapServers.split(separator: ",").last ?? ""), group: group, buffer: 100_000, properties: properties)
        try file.write(routes)
        let path = file.path
        let transformers = try BuiltinTransformers.set() + (gate.map { [GatedTransformer.definition($0)] } ?? [])
        let read = { @Sendable in ConfigurationFile.read(path, environment: environment, transformers: transformers) }
        let loaded = read()
        guard let configuration = loaded.configuration else {
            throw SocketFailure(description: DiagnosticRenderer.render(loaded.findings, file: path))
        }
        let log = LogBook()
        let service = RouterService(
            configuration: configuration, loaded: loaded, reload: { _ in read() },
            consumerProperties: EmbeddedKafka.consumerProperties, logger: log.logger)
        let ports = try await service.start()
        let router = RunningRouter(service: service, port: ports.clients, adminPort: ports.admin ?? 0, file: file)
        let scene = Scene(kafka: kafka, producer: producer, group: group, router: router, log: log)
        do {
            if awaitsAssignment {
                try await eventually("the group to assign partitions") { scene.isConsuming }
            }
            try await body(scene)
        } catch {
            // A thread at the gate would hold the stop up.
            gate?.set(.open)
            await scene.stop()
            throw error
        }
        await scene.stop()
    }

    private var isConsuming: Bool { service.consumers.statuses.allSatisfy { $0.status.state == .consuming } }

    /// Keeps consumers from being assigned anything, until the failures are cleared: time for clients to come.
    static func refuseJoins(of kafka: TestKafka) throws {
        let groupAuthorizationFailed = KafkaErrorCode(rawValue: 30)
        try kafka.kafka.failNext(.joinGroup, with: Array(repeating: groupAuthorizationFailed, count: 10_000))
    }

    /// Stops the router, once.
    func stop() async { await stopping.stop(service) }

    private static func newGroup() -> String { "group-\(UUID().uuidString)" }

    func produce(_ numbers: Range<Int>) throws {
        try enqueue(numbers)
        try producer.flush(timeoutMilliseconds: 20_000)
    }

    /// Produces without waiting for the brokers.
    func enqueue(_ numbers: Range<Int>) throws {
        for number in numbers { try producer.produce(topic: "trade-info", partition: 0, value: Sample.trade(number)) }
    }

    func subscriber(_ channel: String = "trades") async throws -> WebSocketTestClient {
        let client = try await WebSocketTestClient(port: router.port)
        try await client.subscribe(channel)
        return client
    }

    /// These records, and nothing between them.
    func expect(_ numbers: Range<Int>, at client: WebSocketTestClient) async throws {
        for number in numbers {
            let message = try await client.receive()
            guard Sample.number(message) == number else {
                throw SocketFailure(description: "expected \(number), got \(message.text)")
            }
        }
    }

    /// The next record is the next message: nothing came twice.
    func expectNothingElse(at client: WebSocketTestClient, after number: Int) async throws {
        try produce(number..<number + 1)
        try await expect(number..<number + 1, at: client)
    }

    /// Connected clients are still served, and so are new ones.
    func expectAnswers(_ client: WebSocketTestClient) async throws {
        let other = try await subscriber()
        for client in [client, other] {
            try await client.send("{\"type\":\"ping\"}")
            #expect(try await client.receive().type == "pong")
        }
    }

    /// Waits for a status, with a reason that contains this text.
    func awaitHealth(_ status: HealthReport.Status, reason: String? = nil) async throws {
        do {
            try await eventually("health to be \(status.rawValue)\(reason.map { " because: \($0)" } ?? "")") {
                let health = health
                return health.status == status && (reason.map { text in health.reasons.contains { $0.contains(text) } } ?? true)
            }
        } catch let error as ConditionNeverMet {
            throw SocketFailure(description: "\(error); it is \(health.status.rawValue): \(health.reasons); log: \(log.lines)")
        }
    }

    /// Asks the clients' port.
    func get(_ path: String) async throws -> (status: Int, body: String) {
        let socket = try TestSocket(port: router.port)
        defer { socket.close() }
        try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
        guard let status = Int(answer.dropFirst(9).prefix(3)), let head = answer.range(of: "\r\n\r\n") else {
            throw SocketFailure(description: "no answer to GET \(path): \(answer)")
        }
        return (status, String(answer[head.upperBound...]))
    }

    /// A sample of `/metrics`, by its name with labels; `nil` when there is none.
    func metric(_ sample: String) async throws -> Double? {
        let page = try await get("/metrics").body
        let line = page.split(whereSeparator: \.isNewline).first { $0.hasPrefix(sample + " ") }
        return line.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }
}

/// Stops a router once, however many ask for it.
private final class Stopping: Sendable {
    private let task = Mutex<Task<Void, Never>?>(nil)

    func stop(_ service: RouterService) async {
        let task = task.withLock { task in
            if let task { return task }
            let new = Task { await service.stop() }
            task = new
            return new
        }
        await task.value
    }
}

/// Holds records up inside a transformer.
private final class Gate: Sendable {
    enum Mode: Sendable { case open, trickle, closed }

    private struct State {
        var mode: Mode
        var isHolding = false
    }

    private let state: Mutex<State>

    init(_ mode: Mode) { state = Mutex(State(mode: mode)) }

    func set(_ mode: Mode) { state.withLock { $0.mode = mode } }

    /// Whether a thread stands before the closed gate.
    var isHolding: Bool { state.withLock { $0.isHolding } }

    /// Blocks the consumer thread, which transformers must never do.
    func pass() {
        if state.withLock({ $0.mode == .trickle }) { Thread.sleep(forTimeInterval: 0.02) }
        while state.withLock({ state in
            state.isHolding = state.mode == .closed
            return state.isHolding
        }) {
            Thread.sleep(forTimeInterval: 0.005)
        }
    }
}

/// Lets everything through, once the gate does.
private final class GatedTransformer: Transformer {
    private let gate: Gate

    init(_ gate: Gate) { self.gate = gate }

    static func definition(_ gate: Gate) -> TransformerDefinition {
        TransformerDefinition(
            name: "gated", summary: "Waits at a gate.", defaultType: "trade_data",
            configure: { _ in { GatedTransformer(gate) } })
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        gate.pass()
        for record in batch.records { output.emit(record) }
    }
}
