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

@testable import PatchbayRuntime

/// Changes of routes.yaml while the router runs.
@Suite(.serialized) struct ReloadingTests {
    /// Collects what comes on some channels, in the order in which it comes.
    private actor Collector {
        struct Item {
            let number: Int
            let type: String
        }

        private(set) var items: [String: [Item]] = [:]
        private(set) var gaps = 0
        private var types: [String: [Int: String]] = [:]

        func add(_ message: WebSocketTestClient.Envelope) {
            if message.type == "gap" { gaps += 1 }
            guard let number = Sample.number(message) else { return }
            items[message.channel, default: []].append(Item(number: number, type: message.type))
            types[message.channel, default: [:]][number] = message.type
        }

        func count(_ channel: String) -> Int { items[channel]?.count ?? 0 }

        /// The type of a numbered message; `nil` while it hasn't come.
        func type(of number: Int, on channel: String) -> String? { types[channel]?[number] }

        /// Numbers of one partition, in the order in which they came.
        func numbers(_ channel: String, partition: Int) -> [Int] {
            (items[channel] ?? []).lazy.map(\.number).filter { $0 % ReloadingTests.partitions == partition }
        }
    }

    /// How far the producing side of a test is.
    private final class Stream: Sendable {
        let isDone = Atomic<Bool>(false)
        let sent = Atomic<Int>(0)
    }

    /// Loading took 21 s with a thousand filters, on a thread of Swift's pool, which has one per core for all of the
    /// admin listener, alerts, health and shutdown.
    @Test func loadingDoesNotHoldAThreadOfSwiftsPool() async throws {
        let result = try ConfigurationLoader.load(
            text: "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n", file: "routes.yaml", environment: [:],
            transformers: BuiltinTransformers.set())
        let configuration = try #require(result.configuration)
        let loaded = LoadedConfiguration(result)
        let gate = Gate()
        let reloads = ProcessInfo.processInfo.activeProcessorCount * 4
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<reloads {
                group.addTask {
                    let reloader = Reloader(
                        current: loaded, configuration: configuration,
                        load: { _ in
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

    /// Of each topic of the test under load; a record's number says in which it is.
    private static let partitions = 3

    /// The file of one turn. Every turn changes a type, an option and a filter; every fourth the topics; every fifth a
    /// channel comes or goes.
    private static func routes(turn: Int) -> String {
        let isExtraGone = (40..<45).contains(turn) || turn == 70
        var channels = ["trades", turn.isMultiple(of: 2) ? "more" : "dashboard"]
        if turn % 5 == 4 { channels.append("\"by.{Token}\"") }
        if hasPassing(turn) { channels.append("passing") }
        let side = turn / 4
        return """
            routes:
              - name: trades
                topic: trade-info
                transform: \(turn.isMultiple(of: 3) ? "trade" : "[trade, json]")
                type: t\(turn)
                channels: [\(channels.joined(separator: ", "))]
              - name: filtered
                topic: trade-info
                transform: [{ filter: { where: ".Seq % 2 == 0 or \(turn.isMultiple(of: 2))" } }, { filter: .Seq >= -\(turn) }]
                channel: filtered
              - { name: keep, topic: \(isExtraGone ? "other" : "extra"), transform: json, channel: kept }
              - { name: side, topics: [side-\(side % 3)\(side % 2 == 0 ? "" : ", side-more")], transform: json, channel: side }
            """
    }

    private static func hasPassing(_ turn: Int) -> Bool { turn % 10 < 5 }

    /// The promise of hot reload: a stream of records, over several partitions of two topics, runs through a hundred changes
    /// of the file. Every turn changes routes of the stream itself, every fourth the topics consumed, which moves the
    /// whole group. Everything arrives once and in order, made by the table that was in force.
    @Test func aHundredReloadsUnderLoadLoseDoubleAndReorderNothing() async throws {
        let partitions = Self.partitions
        let topics = ["trade-info", "extra", "other", "side-0", "side-1", "side-2", "side-more"]
        try await RunningRouter.run(
            routes: Self.routes(turn: 0), topics: topics.map { ($0, partitions) }
        ) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            for channel in ["trades", "filtered", "kept"] { try await client.subscribe(channel) }
            let collector = Collector()
            let receiving = Task {
                while let message = try? await client.receive() { await collector.add(message) }
            }
            /// Subscribes to a channel that will go; says whether its end was told, after messages without a gap.
            func watchPassing() async throws -> Task<Bool, any Error> {
                let client = try await WebSocketTestClient(port: router.port)
                try await client.subscribe("passing")
                return Task {
                    defer { client.socket.close() }
                    while true {
                        let message = try await client.receive()
                        if message.type == "gap" { return false }
                        if message.type == "channel_closed" { return message.channel == "passing" }
                    }
                }
            }
            var passing: Task<Bool, any Error>? = try await watchPassing()
            var closings = 0
            @Sendable func produce(_ topic: String, _ number: Int) throws {
                try kafka.producer.produce(
                    topic: topic, partition: Int32(number % partitions), value: Sample.trade(number))
            }
            let stream = Stream()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var number = 0
                    while !stream.isDone.load(ordering: .relaxed) {
                        // As much as the client of a debug build keeps up with: the turns wait for it.
                        for _ in 0..<5 {
                            try produce("trade-info", number)
                            try produce("extra", number)
                            number += 1
                        }
                        stream.sent.store(number, ordering: .relaxed)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                for turn in 1...100 {
                    let report = try await router.reload(Self.routes(turn: turn))
                    #expect(report.result == .applied, "\(report.text)")
                    #expect(report.generation == turn + 1)
                    // Produced after the reload, and here before the next: nothing but this table can have made it.
                    let next = stream.sent.load(ordering: .relaxed) + 5
                    // The group of an embedded Kafka takes seconds for a change of topics: most turns come while it is at it.
                    if turn % 20 > 16 {
                        try await eventually(
                            "record \(next) to come after reload \(turn); so far \(await collector.count("trades")): \(router.service.consumers.statuses)",
                            timeout: .seconds(20)
                        ) {
                            await collector.type(of: next, on: "trades") != nil
                        }
                        #expect(await collector.type(of: next, on: "trades") == "t\(turn)")
                    } else {
                        try await eventually("the load to go on") { stream.sent.load(ordering: .relaxed) > next }
                    }
                    if Self.hasPassing(turn - 1), !Self.hasPassing(turn) {
                        #expect(try await passing?.value == true, "turn \(turn)")
                        closings += 1
                    } else if !Self.hasPassing(turn - 1), Self.hasPassing(turn) {
                        passing = try await watchPassing()
                    }
                }
                stream.isDone.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            let total = stream.sent.load(ordering: .relaxed)
            // Whatever came twice comes before these.
            for number in total..<(total + partitions) {
                try produce("trade-info", number)
                try produce("extra", number)
            }
            let last = total + partitions - 1
            for channel in ["trades", "kept"] {
                try await eventually("everything to arrive on \(channel)", timeout: .seconds(120)) {
                    for number in total...last where await collector.type(of: number, on: channel) == nil { return false }
                    return true
                }
            }
            for partition in 0..<partitions {
                let expected = Array(stride(from: partition, through: last, by: partitions))
                for channel in ["trades", "kept"] {
                    #expect(await collector.numbers(channel, partition: partition) == expected, "\(channel)")
                }
                // Some turns let odd ones through, too; what comes, comes once and in order.
                let filtered = await collector.numbers("filtered", partition: partition)
                #expect(zip(filtered, filtered.dropFirst()).allSatisfy { $0 < $1 })
                #expect(filtered.filter { $0.isMultiple(of: 2) } == expected.filter { $0.isMultiple(of: 2) })
                #expect(filtered.contains { !$0.isMultiple(of: 2) })
            }
            // No table comes back once another is in force.
            let turns = await (collector.items["trades"] ?? []).compactMap { Int($0.type.dropFirst()) }
            #expect(zip(turns, turns.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(await collector.items["kept"]?.allSatisfy { $0.type == "message" } == true)
            #expect(await collector.gaps == 0)
            #expect(closings == 10)
            #expect(router.service.health.configuration.generation == 101)
            #expect(router.service.health.configuration.applied == 100)
            client.socket.close()
            passing?.cancel()
            await receiving.value
        }
    }

    /// The watcher saw what a request had just taken up, and everything was said twice: so was a refusal.
    @Test func whatARequestHasTakenUpIsNotTakenUpByTheWatcherAgain() async throws {
        try await RunningRouter.run { _, router in
            let (reloader, path) = (router.service.reloader, router.file.path)
            func counts() -> [Int] {
                let status = router.service.health.configuration
                return [status.applied, status.refused, status.unchanged]
            }
            #expect(try await router.reload("routes: [{ topic: trade-info, transfrm: trade, channel: a }]").result == .refused)
            _ = await reloader.reload(.file)
            #expect(counts() == [0, 1, 0])
            #expect(try await router.reload("routes: [{ topic: trade-info, transform: trade, channel: a }]").result == .applied)
            _ = await reloader.reload(.file)
            #expect(counts() == [1, 1, 0])
            // Every request is answered; so is every touch of the file, which makes stopped routes try again.
            _ = await reloader.reload(.request)
            #expect(counts() == [1, 1, 1])
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: path)
            _ = await reloader.reload(.file)
            #expect(counts() == [1, 1, 2])
            try router.file.write("routes: []")
            #expect(await reloader.reload(.file).result == .refused)
            #expect(counts() == [1, 2, 2])
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
            #expect(health.reasons.contains { $0.contains("rejected") && $0.contains("transfrm") })
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
            #expect(report.result == .unchanged && report.text.hasPrefix("nothing changed without a restart"))
            #expect(await router.service.reloader.preview().result == .wouldChangeNothing)
            #expect(router.service.health.configuration.restartNeeded == ["server.max_clients"])
            #expect(router.service.health.reasons.contains { $0.contains("server.max_clients") })
            #expect(router.service.health.maxClients == 5000)
        }
    }

    @Test func aChangedClusterIsConsumedFromWhereItWas() async throws {
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
            // A letter counts once the brokers have it.
            try await eventually("both records, and the letter") {
                router.figures(of: "trade-info").map { $0.recordsIn == 2 && $0.recordsDeadLettered == 1 } == true
            }
            #expect(router.figures(of: "trade-info")?.recordsRouted == 1)
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
