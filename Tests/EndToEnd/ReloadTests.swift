import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import PatchbayServer
import Synchronization
import TestSupport
import Testing

@testable import patchbay

/// Changes of routes.yaml while the router runs.
@Suite(.serialized) struct ReloadingTests {
    /// Collects the messages of a client by type, and where order or number is wrong.
    private actor Collector {
        private(set) var numbers: [String: [Int]] = [:]
        private(set) var gaps = 0

        func add(_ message: WebSocketTestClient.Envelope) {
            if message.type == "gap" { gaps += 1 }
            guard let number = Sample.number(message) else { return }
            numbers[message.channel, default: []].append(number)
        }

        func count(_ channel: String) -> Int { numbers[channel]?.count ?? 0 }
    }

    /// How far the producing side of a test is.
    private final class Stream: Sendable {
        let isDone = Atomic<Bool>(false)
        let sent = Atomic<Int>(0)
    }

    /// Loading took 21 s with a thousand filters, on a thread of Swift's pool, which has one per core for all of the
    /// admin listener, alerts, health and shutdown.
    @Test func loadingDoesNotHoldAThreadOfSwiftsPool() async throws {
        let result = ConfigurationLoader.load(
            text: "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n", file: "routes.yaml", environment: [:],
            transformers: BuiltinTransformers.all)
        let configuration = try #require(result.configuration)
        let loaded = LoadedConfiguration(configuration: configuration, findings: [], files: [], origins: [])
        let gate = Gate()
        let reloads = ProcessInfo.processInfo.activeProcessorCount * 4
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<reloads {
                group.addTask {
                    let reloader = Reloader(
                        current: loaded, configuration: configuration,
                        load: {
                            gate.wait()
                            return loaded
                        }, apply: { _ in 1 }, recent: { [] }, logger: Logger(label: "test"))
                    _ = await reloader.reload(.request)
                }
            }
            // Gets a thread only if the loads leave one.
            group.addTask {
                while !gate.hasGuest { await Task.yield() }
                gate.open(for: reloads)
            }
        }
        #expect(gate.waitedInVain == 0)
    }

    /// Where loads of files wait.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        private let guests = Atomic<Int>(0)
        private let vain = Atomic<Int>(0)

        var hasGuest: Bool { guests.load(ordering: .relaxed) > 0 }
        var waitedInVain: Int { vain.load(ordering: .relaxed) }

        func wait() {
            guests.add(1, ordering: .relaxed)
            if semaphore.wait(timeout: .now() + 10) == .timedOut { vain.add(1, ordering: .relaxed) }
        }

        func open(for count: Int) { for _ in 0..<count { semaphore.signal() } }
    }

    /// The promise of hot reload: a stream of records runs through a hundred changes of the file, among them changes of
    /// its own route, of channels, of other topics and of the topics consumed. Everything arrives once and in order.
    @Test func aHundredReloadsUnderLoadLoseDoubleAndReorderNothing() async throws {
        let topics = [("trade-info", 1), ("extra", 1)]
        let variants = (0..<5).map { variant in
            """
            routes:
              - name: trades
                topic: trade-info
                transform: \(variant.isMultiple(of: 2) ? "trade" : "[trade, json]")
                type: \(variant == 3 ? "other_type" : "trade_data")
                channels: [trades, \(variant == 1 ? "more" : "dashboard")\(variant == 4 ? ", \"by.{Token}\"" : "")]
            """
        }
        let extra = "\n  - { topic: extra, transform: trade, channel: extra }\n  - { name: keep, topic: extra, transform: json, channel: trades2 }"
        try await RunningRouter.run(routes: variants[0] + extra, topics: topics) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            for channel in ["trades", "trades2"] { try await client.subscribe(channel) }
            let collector = Collector()
            let receiving = Task {
                while let message = try? await client.receive() { await collector.add(message) }
            }
            let stream = Stream()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var number = 0
                    while !stream.isDone.load(ordering: .relaxed) {
                        for _ in 0..<20 {
                            try kafka.producer.produce(topic: "trade-info", partition: 0, value: Sample.trade(number))
                            try kafka.producer.produce(topic: "extra", partition: 0, value: Sample.trade(number))
                            number += 1
                        }
                        stream.sent.store(number, ordering: .relaxed)
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                for turn in 1...100 {
                    // Now and then the second topic is left out of the file, and comes back later.
                    let hasExtra = !(40..<45).contains(turn) && turn != 70
                    let report = try await router.reload(
                        variants[turn % variants.count]
                            + (hasExtra ? extra : "\n  - { name: keep, topic: other, transform: json, channel: trades2 }"))
                    #expect(report.result == .applied, "\(report.text)")
                    #expect(report.generation == turn + 1)
                    let received = await collector.count("trades")
                    try await eventually("the stream to go on after reload \(turn)") {
                        await collector.count("trades") > received
                    }
                }
                stream.isDone.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            let total = stream.sent.load(ordering: .relaxed)
            try await eventually("everything to arrive", timeout: .seconds(120)) {
                let counts = (await collector.count("trades"), await collector.count("trades2"))
                return counts.0 >= total && counts.1 >= total
            }
            // Whatever came twice would follow now.
            let marker = Sample.trade(total)
            try kafka.produce("trade-info", [marker])
            try kafka.produce("extra", [marker])
            try await eventually("the end of both streams") {
                let numbers = await collector.numbers
                return numbers["trades"]?.last == total && numbers["trades2"]?.last == total
            }
            let numbers = await collector.numbers
            #expect(numbers["trades"] == Array(0...total))
            #expect(numbers["trades2"] == Array(0...total))
            #expect(await collector.gaps == 0)
            #expect(router.service.health.configuration.generation == 101)
            #expect(router.service.health.configuration.applied == 100)
            client.socket.close()
            await receiving.value
        }
    }

    @Test func aBrokenFileChangesNothingAndSaysWhy() async throws {
        try await RunningRouter.run { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            let report = try await router.reload("routes:\n  - { topic: trade-info, transfrm: trade, channel: trades }")
            #expect(report.result == .refused && report.generation == 1)
            #expect(report.findings.contains { $0.message.contains("transfrm") && $0.hint?.contains("transform") == true })
            var health = router.service.health
            #expect(health.status == .degraded)
            #expect(health.reasons.contains { $0.contains("refused") && $0.contains("transfrm") })
            #expect(health.configuration.refused == 1 && health.configuration.error?.contains("routes.yaml:") == true)
            try kafka.produce("trade-info", [Sample.trade(1)])
            #expect(Sample.number(try await client.receive()) == 1)
            // Writing it back as it was is no change of the routes, and heals.
            #expect(try await router.reload(RunningRouter.routes).result == .unchanged)
            health = router.service.health
            #expect(health.status == .ok && health.configuration.generation == 1 && health.configuration.error == nil)
        }
    }

    @Test func aNewTopicAndANewChannelComeWithoutARestart() async throws {
        try await RunningRouter.run(watches: true) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try router.file.write(RunningRouter.routes + "\n  - { topic: notes, transform: json, channel: notes }")
            try await eventually("the change to be noticed") { router.service.health.configuration.generation == 2 }
            try await client.subscribe("notes")
            // Right after the reload, while the group still takes the topic up.
            try kafka.produce("notes", ["{\"a\":1}"])
            let note = try await client.receive()
            #expect(note.type == "message" && note.channel == "notes" && note.data == "{\"a\":1}")
            try kafka.produce("trade-info", [Sample.trade(5)])
            #expect(Sample.number(try await client.receive()) == 5)
        }
    }

    @Test func settingsThatNeedARestartWaitAndAreNamed() async throws {
        try await RunningRouter.run { kafka, router in
            let path = router.file.path
            let text = try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(of: "5000", with: "4000")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let report = await router.service.reloader.reload(.signal)
            #expect(report.result == .unchanged)
            #expect(router.service.health.configuration.restartNeeded == ["server.max_clients"])
            #expect(router.service.health.reasons.contains { $0.contains("server.max_clients") })
            #expect(router.service.health.maxClients == 5000)
        }
    }

    @Test func aChangedClusterIsConsumedAnewFromWhereItWas() async throws {
        try await RunningRouter.run { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try kafka.produce("trade-info", (0..<10).map(Sample.trade))
            for number in 0..<10 { #expect(Sample.number(try await client.receive()) == number) }
            let path = router.file.path
            let text = try String(contentsOfFile: path, encoding: .utf8)
                .replacingOccurrences(of: "kafka:\n", with: "kafka:\n  batch_size: 7\n")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let report = await router.service.reloader.reload(.signal)
            #expect(report.result == .applied, "\(report.text)")
            try kafka.produce("trade-info", (10..<20).map(Sample.trade))
            for number in 10..<20 { #expect(Sample.number(try await client.receive()) == number) }
        }
    }

    @Test func aPreviewRunsTheLastRecordsAndChangesNothing() async throws {
        try await RunningRouter.run { kafka, router in
            try kafka.produce("trade-info", (0..<5).map(Sample.trade))
            try await eventually("the records") { router.figures(of: "trade-info")?.recordsIn == 5 }
            try router.file.write(
                """
                routes:
                  - { topic: trade-info, transform: { trade: { fields: [Token] } }, channels: [trades, "by.{Token}"] }
                """)
            let report = await router.service.reloader.preview()
            #expect(report.result == .wouldApply && report.generation == 1)
            let topic = try #require(report.preview?.first { $0.topic == "trade-info" })
            #expect(topic.records == 5 && topic.recordsChanged == 5)
            #expect(topic.messagesByChannel == ["dashboard": -5, "by.0x01": 5])
            let example = try #require(topic.examples.first)
            #expect(example.after.contains { $0.contains("trades trade_data {\"Token\":\"0x01\"}") }, "\(example)")
            #expect(router.service.health.configuration.generation == 1)
            #expect(router.figures(of: "trade-info")?.recordsIn == 5)
            try router.file.write("routes: []")
            #expect(await router.service.reloader.preview().result == .wouldRefuse)
            #expect(router.service.health.configuration.error == nil)
        }
    }

    @Test func refusedRecordsGoToTheDeadLetterTopicWithTheReason() async throws {
        let routes = """
            routes:
              - { topic: trade-info, transform: trade, channel: trades, on_error: dead_letter, dead_letter: dead }
              - { name: letters, topic: letters, transform: json, channel: letters }
            """
        try await RunningRouter.run(routes: routes, topics: [("trade-info", 1), ("dead", 1), ("letters", 1)]) {
            kafka, router in
            try kafka.producer.produce(
                topic: "trade-info", partition: 0, key: Array("K".utf8), value: Array("{\"no\":\"trade\"}".utf8),
                headers: [("trace", Array("abc".utf8))])
            try kafka.produce("trade-info", [Sample.trade(1)])
            try await eventually("both records") { router.figures(of: "trade-info")?.recordsIn == 2 }
            let figures = try #require(router.figures(of: "trade-info"))
            #expect(figures.recordsDeadLettered == 1 && figures.recordsRouted == 1)
            let brokers = kafka.brokers
            let letters = try await offPool { try DeadLetterFile.read(brokers: brokers, topic: "dead") }
            let letter = try #require(letters.first)
            #expect(letters.count == 1)
            #expect(letter.key == "K" && letter.value == "{\"no\":\"trade\"}")
            #expect(letter.headers["trace"] == "abc")
            #expect(letter.headers["patchbay.topic"] == "trade-info" && letter.headers["patchbay.offset"] == "0")
            #expect(letter.headers["patchbay.error.code"] == "missing_field")
            #expect(letter.headers["patchbay.error.field"] == "Token")
        }
    }

    @Test func aRouteThatStopsIsSeenAndGoesOnAfterTheFileIsChanged() async throws {
        let stops = "routes:\n  - { topic: trade-info, transform: trade, channel: trades, on_error: stop }"
        try await RunningRouter.run(routes: stops, topics: [("trade-info", 1)]) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try kafka.produce("trade-info", [Sample.trade(0), "{\"bad\":1}", Sample.trade(2)])
            #expect(Sample.number(try await client.receive()) == 0)
            try await eventually("the halt to be reported") {
                router.service.health.reasons.contains { $0.contains("stopped at topic trade-info, partition 0, offset 1") }
            }
            #expect(router.figures(of: "trade-info")?.recordsRouted == 1)
            let report = try await router.reload(stops.replacingOccurrences(of: "on_error: stop", with: "on_error: skip"))
            #expect(report.result == .applied)
            #expect(Sample.number(try await client.receive()) == 2)
            try await eventually("health to be good") { router.service.health.status == .ok }
        }
    }
}
