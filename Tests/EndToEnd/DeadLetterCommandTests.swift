import Foundation
import PatchbayCore
import PatchbayHTTP
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// `patchbay dead-letter`: what was refused, why, and once more.
@Suite(.serialized) struct DeadLetterCommandTests {
    private static let routes = """
        routes:
          - { name: trades, topic: trades, transform: trade, channel: trades, on_error: dead_letter, dead_letter: dead }
          - { name: notes, topic: notes, transform: json, channel: notes }
        """

    private func file(_ kafka: TestKafka, _ routes: String = routes, properties: [String: String] = [:]) throws -> RoutesFile {
        let file = try RoutesFile(brokers: kafka.brokers, group: "g", properties: properties)
        try file.write(routes)
        return file
    }

    @discardableResult
    private func run(
        _ arguments: [String], _ file: RoutesFile, code: Int32 = 0, at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let program = try PatchbayProgram(["dead-letter"] + arguments + ["--config", file.path])
        let exit = try await program.exitCode()
        #expect(exit == code, "\(arguments) said: \(program.text)", sourceLocation: location)
        return program.text
    }

    private func json(_ arguments: [String], _ file: RoutesFile, code: Int32 = 0) async throws -> Any {
        let text = try await run(arguments + ["--format", "json"], file, code: code)
        return try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    /// Everything that a topic holds, by partition and offset.
    private func records(_ topic: String, of kafka: TestKafka) async throws -> [ConsumedRecord] {
        let brokers = kafka.brokers
        return try await offPool {
            let reader = try TopicReader(brokers: [brokers], topic: topic, logger: TestKafka.quiet)
            defer { reader.close() }
            return try reader.readLast(10_000, timeout: .seconds(20)).sorted {
                ($0.partition, $0.recordOffset) < ($1.partition, $1.recordOffset)
            }
        }
    }

    // MARK: list and show

    @Test func whatARouteRefusesIsListedAndShownWhole() async throws {
        let kafka = try TestKafka(topics: [("trades", 2), ("notes", 1), ("dead", 1)])
        defer { kafka.close() }
        let router = try await RunningRouter.start(brokers: kafka.brokers, routes: Self.routes)
        try kafka.producer.produce(
            topic: "trades", partition: 1, key: Array("0x1".utf8), value: Array("{\"no\":\"trade\",\n\"n\":1.50}".utf8),
            headers: [("trace", Array("abc".utf8)), ("raw", [0xFF, 0x00]), ("none", nil)], timestampMilliseconds: 1_700_000_000_123)
        try kafka.producer.produce(topic: "trades", partition: 1, key: [0xFE], value: [0xFF, 0x01])
        try await eventually("both letters") { router.figures(of: "trades")?.recordsDeadLettered == 2 }

        let list = try await run(["list"], router.file)
        for part in [
            "dead/0/0  20", "  trades  missing_field: `Token` (or `token`) is missing",
            "    from trades/1/0  {\"no\":\"trade\",\"n\":1.50}\n",
            "dead/0/1  20", "invalid_json", "from trades/1/1  2 bytes that are not text\n", "2 letters in dead\n",
        ] { #expect(list.contains(part), "no \(part) in: \(list)") }

        let show = try await run(["show", "dead/0/0"], router.file)
        for part in [
            "letter    dead/0/0\n", "route     trades\n", "error     missing_field: `Token`", "field     Token\n",
            "from      trades/1/0, record of 2023-11-14T22:13:20.123Z\n", "replayed  no\n", "key       0x1\n", "header    trace=abc\n",
            "header    raw=base64 /wA=\n", "header    none=null\n", "value     24 bytes\n",
            "  {\n    \"no\": \"trade\",\n    \"n\": 1.50\n  }\n",
        ] { #expect(show.contains(part), "no \(part) in: \(show)") }
        #expect(!show.contains("patchbay."), "\(show)")

        let all = try #require(try await json(["list"], router.file) as? [[String: Any]])
        #expect(all.map { $0["letter"] as? String } == ["dead/0/0", "dead/0/1"])
        #expect(all[0]["value"] as? String == "{\"no\":\"trade\",\n\"n\":1.50}" && all[0]["value_bytes"] as? Int == 24)
        #expect(all[1]["value_base64"] as? String == "/wE=" && all[1]["key_base64"] as? String == "/g==")
        let from = all[0]["from"] as? [String: Any]
        #expect(from?["topic"] as? String == "trades" && from?["partition"] as? Int == 1 && from?["offset"] as? Int == 0)
        // Partition and offset are enough where the file has one dead-letter topic.
        let one = try #require(try await json(["show", "0/1"], router.file) as? [String: Any])
        #expect(one["letter"] as? String == "dead/0/1" && one["code"] as? String == "invalid_json")
        await router.service.stop()
    }

    @Test func lettersAreChosenByRouteCodeTimeAndNumber() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 3)])
        defer { kafka.close() }
        let file = try file(kafka)
        let start: Int64 = 1_767_225_600_000  // 2026-01-01T00:00:00Z
        for number in 0..<30 {
            var letter = TestLetter(value: "\(number)")
            letter.route = number % 2 == 0 ? "even" : "odd"
            letter.code = number % 3 == 0 ? "three" : "other"
            try letter.write(to: "dead", of: kafka, partition: Int32(number % 3), at: start + Int64(number) * 60_000)
        }
        func values(_ arguments: String...) async throws -> [Int] {
            let letters = try #require(try await json(["list"] + arguments, file) as? [[String: Any]])
            return letters.compactMap { ($0["value"] as? String).flatMap { Int($0) } }
        }
        #expect(try await values() == Array(10..<30))
        #expect(try await values("--limit", "100") == Array(0..<30))
        #expect(try await values("--limit", "1") == [29])
        #expect(try await values("--route", "even", "--code", "three") == [0, 6, 12, 18, 24])
        #expect(try await values("--route", "even", "--route", "odd", "--code", "three", "--limit", "2") == [24, 27])
        #expect(try await values("--route", "nobody").isEmpty)
        #expect(try await values("--since", "2026-01-01T00:10:00Z", "--until", "2026-01-01T00:13:00Z") == [10, 11, 12])
        #expect(try await values("--since", "2026-01-01T00:27:00") == [27, 28, 29])
        #expect(try await values("--until", "2026-01-01T01:02:00+01:00") == [0, 1])
        #expect(try await values("--since", "1m").isEmpty)
        let text = try await run(["list", "--limit", "3"], file)
        #expect(text.hasSuffix("the newest 3 letters of dead; --limit lists more\n"), "\(text)")
        for (option, value) in [("--since", "yesterday"), ("--until", "2026-13-01"), ("--limit", "0")] {
            try await run(["list", option, value], file, code: 64)
        }
        try await run(["list", "--since", "1h", "--until", "2h"], file, code: 64)
    }

    @Test func longValuesAreShownInPart() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1)])
        defer { kafka.close() }
        let file = try file(kafka)
        try TestLetter(value: "\"" + String(repeating: "ä", count: 20_000) + "\"").write(to: "dead", of: kafka)
        let list = try await run(["list"], file)
        #expect(list.count < 400 && list.contains("… (40,002 bytes)"), "\(list)")
        let part = try await run(["show", "0/0"], file)
        #expect(part.utf8.count < 20_000 && part.contains("… (the first 16,383 bytes of 40,002; --full shows all)"), "\(part.suffix(200))")
        #expect(try await run(["show", "0/0", "--full"], file).count { $0 == "ä" } == 20_000)
    }

    // MARK: replay

    /// Key, value and headers as they were, in the partition where the record stood; and each letter once, however often it is asked for.
    @Test func aLetterIsReplayedOnce() async throws {
        let kafka = try TestKafka(topics: [("trades", 3), ("dead", 2)])
        defer { kafka.close() }
        let file = try file(kafka)
        let own: [(name: String, value: [UInt8]?)] = [("trace", [0xFF]), ("patchbay.replay.offset", Array("7".utf8)), ("none", nil)]
        try TestLetter(key: nil, value: "first", headers: own, partition: 2, offset: 40).write(to: "dead", of: kafka, partition: 1)
        try TestLetter(value: nil, partition: 1).write(to: "dead", of: kafka)
        try TestLetter(value: "third", partition: 9).write(to: "dead", of: kafka)
        try kafka.producer.produce(topic: "dead", partition: 0, value: Array("no letter".utf8))
        try kafka.producer.flush(timeoutMilliseconds: 20_000)

        let dry = try await run(["replay", "--dry-run"], file)
        #expect(dry == "dead/0/0 → trades/1\ndead/0/1 → trades\ndead/1/0 → trades/2\n3 letters would be replayed: 3 to trades\n")
        #expect(try await records("trades", of: kafka).isEmpty)

        #expect(try await run(["replay", "--yes"], file) == "3 letters replayed: 3 to trades\n")
        let replayed = try await records("trades", of: kafka)
        #expect(replayed.count == 3)
        let first = try #require(replayed.first { $0.partition == 2 })
        #expect(first.key == nil && first.value == Array("first".utf8) && first.timestampMilliseconds == 1_700_000_000_000)
        #expect(
            first.headers.map(\.name) == [
                "trace", "none", "patchbay.replay.topic", "patchbay.replay.partition", "patchbay.replay.offset",
                "patchbay.replay.timestamp",
            ])
        #expect(first.headers.prefix(5).map(\.value) == [[0xFF], nil, Array("dead".utf8), Array("1".utf8), Array("0".utf8)])
        let second = try #require(replayed.first { $0.partition == 1 && $0.value == nil })
        #expect(second.key == Array("k".utf8))

        let again = try await run(["replay", "--yes"], file)
        #expect(again == "0 letters replayed\n3 letters were replayed before; --again replays such letters, too\n")
        #expect(try await records("trades", of: kafka).count == 3)
        // Named or not makes no difference.
        try await run(["replay", "dead/1/0", "--yes"], file)
        #expect(try await records("trades", of: kafka).count == 3)
        let list = try await run(["list"], file)
        #expect(list.matches(of: /replayed to trades at 20/).count == 3 && list.hasSuffix("3 letters in dead\n"), "\(list)")
        #expect(try await run(["show", "dead/1/0"], file).contains("replayed  to trades at 20"))

        let report = try #require(try await json(["replay", "dead/1/0", "--again", "--yes"], file) as? [String: Any])
        let letters = report["replayed"] as? [[String: Any]]
        #expect(letters?.map { $0["letter"] as? String } == ["dead/1/0"] && letters?.first?["partition"] as? Int == 2)
        #expect(try await records("trades", of: kafka).count == 4)
    }

    /// The whole way round: refused, replayed after the route was corrected, delivered; and refused again, which must not count as
    /// a loop of the route's own letters.
    @Test func aReplayedRecordGoesThroughTheRouteAgain() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("notes", 1), ("dead", 1)])
        defer { kafka.close() }
        let router = try await RunningRouter.start(brokers: kafka.brokers, routes: Self.routes)
        try kafka.produce("trades", ["{\"no\":\"trade\"}"])
        try await eventually("the letter") { router.figures(of: "trades")?.recordsDeadLettered == 1 }
        try await run(["replay", "--yes"], router.file)
        try await eventually("the second letter") { router.figures(of: "trades")?.recordsDeadLettered == 2 }
        #expect(router.service.router.deadLettersLost == 0)
        let show = try await run(["show", "dead/0/2"], router.file)
        #expect(show.contains("before    it was the letter dead/0/0, was replayed and refused again\n"), "\(show)")

        _ = try await router.reload(Self.routes.replacing("transform: trade,", with: "transform: json,"))
        let client = try await WebSocketTestClient(port: router.port)
        try await client.subscribe("trades")
        try await run(["replay", "--yes"], router.file)
        #expect(try await client.receive().data == "{\"no\":\"trade\"}")
        client.socket.close()
        await router.service.stop()
    }

    @Test func aReplayMayGoElsewhereAndInPart() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1), ("elsewhere", 2)])
        defer { kafka.close() }
        let file = try file(kafka)
        for number in 0..<5 {
            // The newest stand first.
            try TestLetter(value: "\(number)").write(to: "dead", of: kafka, at: 1_767_225_600_000 - Int64(number) * 1000)
        }
        let part = ["replay", "--to", "elsewhere", "--limit", "2", "--yes"]
        #expect(try await run(part, file) == "2 letters replayed: 2 to elsewhere\n")
        func values() async throws -> Set<String> {
            Set(try await records("elsewhere", of: kafka).map { String(decoding: $0.value ?? [], as: UTF8.self) })
        }
        #expect(try await values() == ["3", "4"])
        try await run(part, file)
        #expect(try await values() == ["1", "2", "3", "4"])
        let missing = try await run(["replay", "0/0", "0/77", "--to", "elsewhere", "--yes"], file, code: 1)
        #expect(missing.contains("1 letter replayed") && missing.contains("there is no letter dead/0/77"), "\(missing)")
        #expect(try await records("trades", of: kafka).isEmpty)
    }

    /// The plan of the one is older than the marks of the other.
    @Test func aPlanThatIsOutOfDateReplaysNothingTwice() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1)])
        defer { kafka.close() }
        let file = try file(kafka)
        for number in 0..<3 { try TestLetter(value: "\(number)").write(to: "dead", of: kafka) }
        let loaded = try ConfigurationFile.read(file.path, environment: [:], transformers: BuiltinTransformers.set())
        let configuration = try #require(loaded.configuration)
        let topic = try #require(DeadLetterTopic.all(of: configuration).first)
        let outcome = try await offPool {
            let reader = try DeadLetterReader(topic, patience: .seconds(20), logger: TestKafka.quiet)
            defer { reader.close() }
            func replay(_ request: ReplayPlan.Request) throws -> (ReplayPlan, DeadLetterReplay) {
                let plan = try ReplayPlan(
                    request, of: topic, reader, partitions: ["trades": 1], masks: MaskedNames(configuration))
                return (
                    plan,
                    try DeadLetterReplay(topic, reader: reader, rate: nil, patience: .seconds(20), stop: .init(), logger: TestKafka.quiet)
                )
            }
            let (all, late) = try replay(.init())
            var one = ReplayPlan.Request()
            one.positions = [.init(partition: 0, recordOffset: 1)]
            let (part, early) = try replay(one)
            #expect(try early.run(part).replayed.count == 1)
            return try late.run(all)
        }
        #expect(outcome.replayed.map(\.position.recordOffset) == [0, 2] && outcome.gone == 1 && outcome.failed.isEmpty)
        #expect(try await records("trades", of: kafka).count == 3)
    }

    /// One that can't be taken must not keep the others back.
    @Test func aLetterThatIsTooLargeIsLeftOutAndTold() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1)])
        defer { kafka.close() }
        let file = try file(kafka, properties: ["message.max.bytes": "2000"])
        for number in 0..<3 {
            try TestLetter(value: number == 1 ? String(repeating: "x", count: 3_000) : "\(number)").write(to: "dead", of: kafka)
        }
        let text = try await run(["replay", "--yes"], file, code: 1)
        #expect(text.contains("2 letters replayed: 2 to trades\n") && text.contains("dead/0/1 was not replayed: "), "\(text)")
        #expect(try await records("trades", of: kafka).map { $0.value ?? [] } == [Array("0".utf8), Array("2".utf8)])
        #expect(try await run(["replay", "--dry-run"], file).hasPrefix("dead/0/1 → trades/0\n1 letter would be replayed"))
    }

    @Test func anInterruptEndsBetweenTwoTransactions() async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1)])
        defer { kafka.close() }
        let file = try file(kafka)
        for number in 0..<50 { try TestLetter(value: "\(number)").write(to: "dead", of: kafka) }
        let program = try PatchbayProgram(["dead-letter", "replay", "--rate", "2", "--yes", "--config", file.path])
        try await eventually("a letter; so far: \(program.text)") {
            try await records("trades", of: kafka).count >= 1 || !program.isRunning
        }
        program.signal(SIGINT)
        #expect(try await program.exitCode() == 1, "\(program.text)")
        #expect(program.text.contains("stopped before the end"), "\(program.text)")
        let count = try await records("trades", of: kafka).count
        #expect(count < 50)
        let rest = try await run(["replay", "--yes"], file)
        #expect(rest.contains("\(50 - count) letters replayed") && rest.contains("replayed before"), "\(rest)")
        #expect(try await records("trades", of: kafka).count == 50)
    }

    // MARK: What is wrong

    @Test func whatCannotBeDoneIsSaid() async throws {
        let kafka = try TestKafka(topics: [("dead", 1), ("other", 1)])
        defer { kafka.close() }
        let file = try file(kafka)
        try TestLetter(value: "1").write(to: "dead", of: kafka)
        #expect(try await run(["replay"], file, code: 64).contains("give --yes to replay, or --dry-run"))
        #expect(try await run(["replay", "--yes", "--dry-run"], file, code: 64).contains("--dry-run"))
        #expect(try await run(["replay", "0/0", "--route", "x", "--yes"], file, code: 64).contains("not both"))
        #expect(
            try await run(["replay", "--yes"], file, code: 69).contains(
                "topic `trades` doesn't exist: name another one with --to, or create it"))
        #expect(try await run(["replay", "--yes", "--to", "dead"], file, code: 69).contains("is the dead-letter topic itself"))
        #expect(try await run(["show", "dead"], file, code: 64).contains("topic/partition/offset"))
        #expect(try await run(["show", "ded/0/0"], file, code: 78).contains("no route has this dead-letter topic; there are: dead"))
        #expect(try await run(["show", "dead/0/5"], file, code: 1).contains("there is no letter dead/0/5"))
        #expect(try await run(["show", "dead/7/0"], file, code: 1).contains("there is no letter dead/7/0"))
        #expect(try await run(["list", "--topic", "nothing"], file, code: 78).contains("there are: dead"))
        #expect(try await run(["list", "--cluster", "nothing"], file, code: 78).contains("clusters are: default"))

        try file.write(Self.routes.replacing("dead_letter: dead", with: "dead_letter: absent"))
        #expect(try await run(["list"], file).contains("topic absent doesn't exist, so it holds no letters"))
        try file.write("routes: [{ topic: t, transform: json, channel: c }]")
        #expect(try await run(["list"], file, code: 78).contains("has on_error: dead_letter"))
        let nowhere = try RoutesFile(brokers: "127.0.0.1:\(try ListeningSocket.unusedPort())", group: "g")
        try nowhere.write(Self.routes)
        for command in [["list"], ["show", "0/0"], ["replay", "--yes"]] {
            #expect(
                try await run(command + ["--timeout", "1"], nowhere, code: 69).contains("can't read topic dead: no Kafka broker answers"))
        }
    }

    /// Letters repeat names that the file keeps in secret files.
    @Test func namesOutOfSecretFilesAreMasked() async throws {
        let kafka = try TestKafka(topics: [("s3cret-topic", 1), ("s3cret-dead", 1)])
        defer { kafka.close() }
        let file = try file(kafka)
        for name in ["topic", "dead"] {
            try "s3cret-\(name)".write(to: file.folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        try file.write(
            """
            routes:
              - topic: "${file:topic}"
                transform: trade
                channel: c
                on_error: dead_letter
                dead_letter: "${file:dead}"
            """.replacing("file:", with: "file:\(file.folder.path)/"))
        try TestLetter(value: "1", route: "s3cret-topic", topic: "s3cret-topic").write(to: "s3cret-dead", of: kafka)
        for command in [
            ["list"], ["list", "--format", "json"], ["show", "0/0"], ["replay", "--dry-run"], ["replay", "--yes"], ["list"],
        ] {
            let text = try await run(command, file)
            #expect(text.contains("***/0/0") || text.contains("to ***"), "\(text)")
            #expect(!text.contains("s3cret"), "\(command): \(text)")
        }
        #expect(try await records("s3cret-topic", of: kafka).count == 1)
    }
}
