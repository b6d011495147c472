import Foundation
import PatchbayConfig
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// The operators' commands in detail, with the program they use: what both formats say, what touches the network, which
/// ports are ports, and how commands end.
@Suite(.serialized) struct OperatorCommandTests {
    private typealias Program = PatchbayProgram

    /// A folder with files, which goes with the test.
    private final class Folder: Sendable {
        private let url: URL

        init(_ files: [String: String] = [:]) throws {
            url = FileManager.default.temporaryDirectory.appendingPathComponent("commands-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            for (name, text) in files { try write(name, text) }
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        func path(_ name: String) -> String { url.appendingPathComponent(name).path }

        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        }
    }

    /// A port that takes connections into its backlog and answers nothing.
    private final class SilentListener: Sendable {
        private let socket: ListeningSocket
        var port: Int { socket.port }

        init() throws { socket = try ListeningSocket(backlog: 8) }

        deinit { close(socket.descriptor) }

        /// Whether somebody has connected.
        var hasCaller: Bool {
            var state = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&state, 1, 0) == 1
        }
    }

    @discardableResult
    private func run(
        _ arguments: [String], code: Int32, environment: [String: String] = [:], input: String? = nil,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let program = try Program(arguments, environment: environment, input: input)
        let exit = try await program.exitCode()
        #expect(exit == code, "\(arguments.joined(separator: " ")) said: \(program.text)", sourceLocation: location)
        return program.text
    }

    private func json<Value>(
        _ arguments: [String], code: Int32, environment: [String: String] = [:], as: Value.Type,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> Value {
        let text = try await run(arguments + ["--format", "json"], code: code, environment: environment, at: location)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? Value, "\(text)", sourceLocation: location)
    }

    private func expect(_ text: String, has parts: [String], at location: SourceLocation = #_sourceLocation) {
        for part in parts { #expect(text.contains(part), "no \(part) in: \(text)", sourceLocation: location) }
    }

    private static let mistaken = "version: 1\nkafka: { propertees: {} }\nroutes:\n  - { topic: t, transform: trde, chanel: x }\n"
    private static let plain = "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n"

    // MARK: check

    @Test func checkSaysTheSameInBothFormats() async throws {
        let folder = try Folder(["a.yaml": Self.mistaken, "b.yaml": "version: 2\n", "ok.yaml": Self.plain])
        let files = ["a.yaml", "b.yaml", "ok.yaml"].map(folder.path)
        let text = try await run(["check"] + files, code: 78)
        expect(
            text,
            has: [
                "\(files[0]):2:10: error: unknown key `propertees`\n    kafka: { propertees: {} }\n             ^\n  hint: did you mean `properties`?\n",
                "3 errors in \(files[0])\n", "\(files[2]): ok, 1 route, 1 channel\n",
            ])
        let reports = try await json(["check"] + files, code: 78, as: [[String: Any]].self)
        #expect(reports.map { $0["file"] as? String } == files)
        #expect(reports.map { $0["is_valid"] as? Bool } == [false, false, true])
        let findings = reports.flatMap { $0["findings"] as? [[String: Any]] ?? [] }
        expect(text, has: findings.compactMap { $0["text"] as? String })
        let headlines = text.split(separator: "\n").count { $0.contains(": error: ") }
        #expect(findings.count == headlines && headlines > 3)
    }

    /// Filters are compiled many at a time; what is wrong with one still is found at its place, in jq's words.
    @Test func aMistakeInOneOfManyFiltersIsFoundAtItsPlace() async throws {
        var text = "version: 1\nroutes:\n"
        for number in 1...120 {
            let filter = number == 60 ? ".tags | indx(1)" : number == 61 ? "[.a | length" : #".tags | index("\#(number)")"#
            text += "  - { topic: t\(number), transform: [{ filter: '\(filter)' }, { pick: [a] }], channel: c }\n"
        }
        text += "  - { topic: u, transform: { filter: '[repeat(1)] | length > 0' }, channel: c }\n"
        let folder = try Folder(["routes.yaml": text])
        let path = folder.path("routes.yaml")
        expect(
            try await run(["check", path], code: 78),
            has: [
                "\(path):62:41: error: option `where` of `filter`: `indx` is not among the jq functions that a filter may use\n",
                "hint: did you mean `index`?\n",
                "\(path):63:41: error: option `where` of `filter`: syntax error, unexpected $end",
                "\(path):123:", "`repeat` is not among the jq functions that a filter may use\n", "3 errors in \(path)\n",
            ])
    }

    @Test func checkCallsNobodyUnlessAskedTo() async throws {
        let folder = try Folder(["routes.yaml": Self.plain])
        let broker = try SilentListener()
        let brokers = ["KAFKA_BROKERS": "127.0.0.1:\(broker.port)"]
        try await run(["check", folder.path("routes.yaml")], code: 0, environment: brokers)
        try await run(["explain", "-c", folder.path("routes.yaml"), "--topic", "t", "1"], code: 0, environment: brokers)
        try await run(["test", folder.path("routes.yaml")], code: 0, environment: brokers)
        #expect(!broker.hasCaller)
        let live = ["check", "--live", "--timeout", "1", folder.path("routes.yaml")]
        let reports = try await json(live, code: 69, environment: brokers, as: [[String: Any]].self)
        #expect(broker.hasCaller)
        #expect(reports.first?["is_valid"] as? Bool == true)
        let reasons = reports.first?["unreachable"] as? [String]
        #expect(reasons?.count == 1 && reasons?.first?.contains("127.0.0.1:\(broker.port)") == true)
    }

    /// Beside a running demo `check --live` could only say that nothing answers on localhost:9092: the demo's Kafka has another port
    /// each time, and only the process itself knows it.
    @Test func checkLiveSaysHowToReachADemo() async throws {
        let broker = try SilentListener()
        let folder = try Folder([
            "routes.yaml": "kafka: { brokers: '127.0.0.1:\(broker.port)' }\n" + Self.plain,
            "none.yaml": "kafka: { brokers: [] }\n" + Self.plain,
        ])
        let live = ["check", "--live", "--timeout", "1"]
        expect(
            try await run(live + [folder.path("routes.yaml")], code: 69),
            has: ["with a running demo, name the brokers that it printed: KAFKA_BROKERS=127.0.0.1:PORT patchbay check --live"])
        let variable = try await run(
            live + [folder.path("routes.yaml")], code: 69, environment: ["KAFKA_BROKERS": "127.0.0.1:\(broker.port)"])
        expect(variable, has: ["127.0.0.1:\(broker.port) (from KAFKA_BROKERS)", "KAFKA_BROKERS overrides the file"])
        expect(try await run(live + [folder.path("none.yaml")], code: 78), has: ["or leave `brokers` out and set KAFKA_BROKERS"])
        expect(try await run(["check", "--help"], code: 0), has: ["KAFKA_BROKERS=127.0.0.1:PORT patchbay check --live"])
    }

    /// A template for a field that an earlier `pick` left out passed `check`, and then refused every record.
    @Test func checkKnowsWhatAStepLeavesOut() async throws {
        let routes = "version: 1\nroutes:\n  - topic: t\n    transform: [{ pick: [a] }, json]\n    channels: [c, 'x.{FIELD}']\n"
        for (field, code, words) in [
            ("a", Int32(0), "ok, 1 route"), ("b", 78, "routes.yaml:5:19: error: `{b}` in channel `x.{b}` can never be filled in"),
        ] {
            let folder = try Folder(["routes.yaml": routes.replacingOccurrences(of: "FIELD", with: field)])
            expect(try await run(["check", folder.path("routes.yaml")], code: code), has: [words])
        }
    }

    /// A file whose routes make all their channels by templates was "ok, 1 route, 0 channels", as if nobody could subscribe.
    @Test func checkCountsTemplates() async throws {
        let routes = "version: 1\nroutes: [{ topic: t, transform: json, channels: [CHANNELS] }]\n"
        for (channels, words) in [
            (#""a.{x}""#, "ok, 1 route, 1 template for channels\n"), (#""a.{x}", "b.{x}""#, "ok, 1 route, 2 templates for channels\n"),
            (#"c, "a.{x}""#, "ok, 1 route, 1 channel, 1 template for channels\n"), ("c, d", "ok, 1 route, 2 channels\n"),
        ] {
            let folder = try Folder(["routes.yaml": routes.replacingOccurrences(of: "CHANNELS", with: channels)])
            expect(try await run(["check", folder.path("routes.yaml")], code: 0), has: [words])
        }
    }

    // MARK: explain

    @Test func explainSaysWhyOtherRoutesDoNotTakeIt() async throws {
        let folder = try Folder([
            "routes.yaml": """
            version: 1
            kafka: { clusters: { audit: { brokers: "a:1" } } }
            routes:
              - { name: audits, topic: logs, cluster: audit, transform: json, channel: c }
              - { name: sleeping, topic: logs, enabled: false, transform: json, channel: c }
              - { name: elsewhere, topics: [^x.*, y], transform: json, channel: c }
              - name: chain
                topic: logs
                transform: [{ filter: { where: .level == "error" } }, { pick: [service] }]
                channel: c
            """
        ])
        let explain = ["explain", "--config", folder.path("routes.yaml"), "--topic", "logs"]
        expect(
            try await run(explain + ["--all"], code: 0),
            has: [
                "route audits: no, it reads cluster audit\n", "route sleeping: no, it is disabled\n",
                "route elsewhere: no, it takes ^x.*, y\n", "route chain: takes it\n",
            ])
        // Of the others only those that name the topic, unless asked: with 200 routes the answer was hard to find.
        let short = try await run(explain, code: 0)
        expect(short, has: ["route audits: no", "route sleeping: no", "route chain: takes it"])
        #expect(!short.contains("elsewhere"))
        let nobody = try await run(["explain", "--config", folder.path("routes.yaml"), "--topic", "log"], code: 1)
        expect(
            nobody, has: ["no route uses this topic", "did you mean the topic `logs`?", "--all lists the 4 routes that take other topics"])
        expect(try await run(explain + ["--cluster", "audit"], code: 0), has: ["route audits: takes it"])
        expect(try await run(explain + ["--cluster", "other"], code: 78), has: ["clusters are: default, audit"])
        try await run(explain + ["--header", "no-value"], code: 64)
        try await run(explain + ["--tombstone", "{}"], code: 64)

        let record = #"{"level":"error","service":"api"}"#
        let report = try await json(explain + [record], code: 0, as: [String: Any].self)
        let chain = try #require((report["routes"] as? [[String: Any]])?.last)
        let steps = try #require(chain["steps"] as? [[String: Any]])
        #expect(steps.map { $0["transformer"] as? String } == ["filter", "pick"])
        #expect(steps.map { $0["outcome"] as? String } == ["passed", "changed"])
        #expect(steps.map { $0["before"] as? String } == [record, record])
        #expect(steps.map { $0["after"] as? [String] } == [[record], [#"{"service":"api"}"#]])
        let messages = chain["messages"] as? [[String: Any]]
        #expect(messages?.map { $0["channel"] as? String } == ["c"] && messages?.first?["type"] as? String == "message")

        try folder.write("routes.yaml", Self.mistaken)
        expect(try await run(explain, code: 78), has: ["unknown key `chanel`", "there is no transformer `trde`"])
    }

    /// For a record that an option leaves out it said only "and leaves it out", and for a refused one nothing of where
    /// it goes.
    @Test func explainSaysWhyARecordIsLeftOutAndWhereARefusedOneGoes() async throws {
        let folder = try Folder([
            "routes.yaml": """
            version: 1
            routes:
              - { name: buys, topic: trades, transform: { trade: { sides: [buy] } }, channel: c }
              - { name: one, topic: trades, transform: { trade: { tokens: ["0xAA"] } }, channel: c, on_error: stop }
              - name: chain
                topic: trades
                transform: [json, { filter: '.SellBuy == "buy" and .Token != null' }, { pick: [Token] }]
                channel: c
                on_error: dead_letter
                dead_letter: rest
              - { name: amm, topic: tokens, transform: { token: { amm: true } }, channel: c }
              - { name: minutes, topic: sums, transform: { aggregate: { windows: [5min] } }, channel: c }
            """
        ])
        let explain = ["explain", "--config", folder.path("routes.yaml"), "--topic"]
        let trade = #"""
            {"Token":"0x01","Wallet":"0x02","SellBuy":"sell","NativeAmount":"1","TokenAmount":"2","PriceUsd":"3",\#
            "TransTime":"2024-01-01T12:00:00Z","TxHash":"0x03"}
            """#
        let token = #"""
            {"Token":"0x01","Symbol":"D","Name":"Doge","MetaInfo":"","TotalSupply":"5","IsAMM":false,\#
            "CreateTime":"2024-01-01T12:00:00Z"}
            """#
        let sum = #"""
            {"token":"0x01","symbol":"D","name":"Doge","aggregate_data":[],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
            """#
        let text = try await run(explain + ["trades", trade], code: 0)
        expect(
            text,
            has: [
                #"and leaves it out: `sides` is [buy], and the side of this trade is "sell""#,
                #"and leaves it out: `tokens` is [0xAA], and the token of this record is "0x01""#,
                "step 2, filter, gets:",
                #"and leaves it out: `where` is .SellBuy == "buy" and .Token != null, and its result for this record is false, null or nothing"#,
            ])

        expect(
            try await run(explain + ["tokens", token], code: 0),
            has: ["and leaves it out: `amm` is true, and whether this token is on an AMM is false"])
        expect(
            try await run(explain + ["sums", sum], code: 0),
            has: ["and leaves it out: `windows` is [5min], and no window of this aggregate is among them"])

        let refused = try await run(explain + ["trades", "{"], code: 1)
        expect(
            refused,
            has: [
                "the refused record is counted and skipped (on_error: skip)",
                "the topic stops at the refused record",
                "the refused record goes to the topic rest (on_error: dead_letter)",
            ])
        let report = try await json(explain + ["trades", "{"], code: 1, as: [String: Any].self)
        let routes = try #require(report["routes"] as? [[String: Any]])
        #expect(routes.map { $0["on_error"] as? String } == ["skip", "stop", "dead_letter"])
        #expect(routes.map { $0["dead_letter"] as? String } == [nil, nil, "rest"])

        let left = try await json(explain + ["trades", trade], code: 0, as: [String: Any].self)
        let outcomes = (left["routes"] as? [[String: Any]] ?? []).compactMap { $0["steps"] as? [[String: Any]] }
        let omissions = outcomes.compactMap { $0.last?["omission"] as? [String: String] }
        #expect(omissions.map { $0["option"] } == ["sides", "tokens", "where"])
        #expect(omissions.first == ["option": "sides", "setting": "[buy]", "explanation": #"the side of this trade is "sell""#])
        #expect(outcomes[2].map { $0["number"] as? Int } == [1, 2])
        #expect(outcomes[2].last?["after"] as? [String] == [])
    }

    /// `routes diff` masked them; `explain` and `test` printed the secret.
    @Test func namesOutOfSecretFilesAreMasked() async throws {
        let folder = try Folder(["secret": "s3cret-topic"])
        try folder.write(
            "routes.yaml",
            """
            version: 1
            routes:
              - topic: "${file:\(folder.path("secret"))}"
                transform: json
                channel: c
                on_error: dead_letter
                dead_letter: "${file:\(folder.path("secret"))}-dead"
                tests: [{ name: one, input: { a: 1 }, expect: [] }]
              - { name: "${file:\(folder.path("secret"))}-route", topic: plain, transform: json, channel: c }

            """)
        let path = folder.path("routes.yaml")
        for format in ["text", "json"] {
            let explain = ["explain", "--config", path, "--format", format, "--topic"]
            let other = try await run(explain + ["plain", "1"], code: 0)
            // The one who asks for the topic knows it; the name of its route still is a secret, and so are its dead letters.
            let taken = try await run(explain + ["s3cret-topic", "{"], code: 1)
            let tested = try await run(["test", "--format", format, path], code: 1)
            for text in [other, tested] { #expect(!text.contains("s3cret") && text.contains("***"), "\(text)") }
            #expect(!taken.contains("s3cret-topic-") && taken.contains("***"), "\(taken)")
        }
    }

    // MARK: test and routes diff

    @Test func testNamesWhatIsNotCoveredInJSONToo() async throws {
        let folder = try Folder([
            "routes.yaml": """
            version: 1
            routes:
              - { name: bare, topic: t, transform: trade, channel: c }
              - { name: asleep, topic: t, enabled: false, transform: json, channel: c }
              - name: tested
                topic: t
                transform: json
                channel: c
                tests:
                  - { name: right, input: { a: 1 }, expect: [{ channel: c, data: { a: 1 } }] }
                  - { name: wrong, input: { a: 1 }, error: invalid_json }
            """
        ])
        let reports = try await json(["test", folder.path("routes.yaml")], code: 1, as: [[String: Any]].self)
        let report = try #require(reports.first)
        #expect(report["uncovered_routes"] as? [String] == ["bare"])
        #expect(report["uncovered_transformers"] as? [String] == ["trade"])
        let outcomes = try #require(report["outcomes"] as? [[String: Any]])
        #expect(outcomes.map { $0["test"] as? String } == ["right", "wrong"])
        #expect(
            outcomes.map { $0["differences"] as? [String] } == [[], ["expected the error invalid_json, got messages to c"]])
        #expect(outcomes.last?["place"] as? String == "\(folder.path("routes.yaml")):11:9")
    }

    @Test func allBrokenFilesAreReportedAtOnce() async throws {
        let folder = try Folder(["a.yaml": Self.mistaken, "b.yaml": "version: 2\n"])
        let files = ["a.yaml", "b.yaml"].map(folder.path)
        for command in [["routes", "diff"], ["test"]] {
            expect(try await run(command + files, code: 78), has: files.map { "\($0):" })
        }
    }

    @Test func diffInJSONSaysWhatItSaysInText() async throws {
        let folder = try Folder([
            "old.yaml": Self.plain,
            "new.yaml": "version: 1\nserver: { port: 9 }\nroutes: [{ topic: u, transform: json, channel: c }]\n",
        ])
        let diff = ["routes", "diff", folder.path("old.yaml"), folder.path("new.yaml")]
        let lines = try await run(diff, code: 1).split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "+ route u: u → c", "- route t", "+ topic u", "- topic t",
                "~ setting server.port: 8080 → 9 (needs a restart)",
            ])
        let report = try await json(diff, code: 1, as: [String: Any].self)
        let changes = try #require(report["changes"] as? [[String: Any]])
        let signs = ["added": "+", "removed": "-", "changed": "~"]
        for (line, change) in zip(lines, changes) {
            let words = [signs[change["action"] as? String ?? ""], change["kind"] as? String, change["name"] as? String]
            #expect(line.hasPrefix(words.compactMap(\.self).joined(separator: " ")))
        }
        #expect(changes.count == lines.count)
        #expect(changes.map { $0["needs_restart"] as? Bool } == [false, false, false, false, true])
    }

    // MARK: config show, schema, init

    @Test func configShowIsAFileThatIsRightWithOriginsAndWithoutSecrets() async throws {
        let folder = try Folder(["secret": "s3cret-user"])
        try folder.write(
            "routes.yaml",
            """
            version: 1
            kafka:
              group: g
              properties: { sasl.password: hunter2, sasl.username: "${file:\(folder.path("secret"))}" }
            routes: [{ topic: t, transform: json, channel: c }]

            """)
        let path = folder.path("routes.yaml")
        let show = ["config", "show", "--config", path]
        let environment = ["PORT": "8099", "KAFKA_BROKERS": "b:1"]
        let text = try await run(show, code: 0, environment: environment)
        func origin(of key: String) -> Substring? {
            text.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix("\(key): ") }?.split(separator: " # ").last
        }
        #expect(origin(of: "group").map(String.init) == "\(path):3:10")
        #expect(origin(of: "port") == "PORT" && origin(of: "max_clients") == "default")
        #expect(!text.contains("hunter2") && !text.contains("s3cret-user"))
        try folder.write("shown.yaml", text)
        expect(try await run(["check", folder.path("shown.yaml")], code: 0), has: ["ok, 1 route, 1 channel"])

        let settings = try await json(show, code: 0, environment: environment, as: [[String: Any]].self)
        func setting(_ path: String) -> [String: Any]? { settings.first { $0["path"] as? String == path } }
        let group = setting("kafka.group")?["origin"] as? [String: Any]
        #expect(group?["file"] as? String == path && group?["line"] as? Int == 3 && group?["column"] as? Int == 10)
        #expect((setting("server.port")?["origin"] as? [String: Any])?["variable"] as? String == "PORT")
        #expect((setting("server.host")?["origin"] as? [String: Any])?["kind"] as? String == "default")
        let secrets = settings.filter { $0["secret"] as? Bool == true }
        #expect(secrets.count == 2 && secrets.allSatisfy { $0["value"] as? String == "***" }, "\(secrets)")
        try folder.write("routes.yaml", Self.mistaken)
        expect(try await run(show, code: 78), has: ["unknown key `propertees`", "unknown key `chanel`"])
    }

    @Test func schemaIsTheOneInTheReference() async throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/reference/routes.schema.json").standardized.path
        #expect(try await run(["schema"], code: 0) == String(contentsOfFile: path, encoding: .utf8))
    }

    @Test func initLeavesAloneWhatItCannotOrMayNotWrite() async throws {
        let folder = try Folder(["mine.yaml": "mine"])
        try await run(["init", "--output", folder.path("mine.yaml")], code: 73)
        #expect(try String(contentsOfFile: folder.path("mine.yaml"), encoding: .utf8) == "mine")
        expect(try await run(["init", "--output", folder.path("gone/routes.yaml")], code: 73), has: ["can't write"])
        let nobody = ["init", "--from-topic", "t", "--brokers", "127.0.0.1:1", "--timeout", "1", "--force", "--output"]
        expect(try await run(nobody + [folder.path("mine.yaml")], code: 69), has: ["can't read topic t"])
        #expect(try String(contentsOfFile: folder.path("mine.yaml"), encoding: .utf8) == "mine")
        let text = try await run(["init", "--output", "-"], code: 0)
        try folder.write("printed.yaml", text)
        try await run(["check", folder.path("printed.yaml")], code: 0)
        try await run(["test", folder.path("printed.yaml")], code: 0)
    }

    // MARK: A running server

    @Test func theWatcherTakesUpAChangeAndADryRunShowsWhatItWouldDo() async throws {
        let trades = "  - { name: trades, topic: trade-info, transform: trade, channel: dashboard }\n"
        let folder = try Folder(["routes.yaml": "version: 1\nroutes:\n" + trades])
        let demo = try Program(
            ["demo", "--config", folder.path("routes.yaml"), "--rate", "200"], environment: ["PORT": "0", "ADMIN_PORT": "0"])
        try await eventually("the ports; so far: \(demo.text)") { demo.text.contains("admin_port=") && demo.text.contains("/health") }
        let admin = try #require(demo.text.firstMatch(of: /admin_port=([0-9]+)/)).output.1
        let port = try #require(demo.text.firstMatch(of: /localhost:([0-9]+)\/ws/)).output.1
        let brokers = try #require(demo.text.firstMatch(of: /Kafka +(\S+)/)).output.1
        let reload = ["reload", "--port", String(admin)]
        let tap = ["tap", "dashboard", "--url", "ws://127.0.0.1:\(port)/ws"]
        // Then there are records to try a change with.
        try await run(tap + ["--count", "1"], code: 0)

        try folder.write("routes.yaml", "version: 1\nroutes:\n" + trades.replacingOccurrences(of: "dashboard", with: "new"))
        try await eventually("the watcher to take it up; so far: \(demo.text)") { demo.text.contains("generation=2") }
        expect(demo.text, has: ["configuration reloaded", "trigger=\"file change\""])
        expect(try await run(tap, code: 69), has: ["unknown_channel"])

        let report = try await json(reload + ["--dry-run"], code: 0, as: [String: Any].self)
        #expect(report["result"] as? String == "would_change_nothing")
        let preview = try #require((report["preview"] as? [[String: Any]])?.first { $0["topic"] as? String == "trade-info" })
        #expect((preview["records"] as? Int ?? 0) > 0 && preview["records_changed"] as? Int == 0)

        // Ctrl-C is how people end a tap.
        let taps = [
            ["tap", "new", "--url", "ws://127.0.0.1:\(port)/ws"],
            ["tap", "--topic", "trade-info", "--brokers", String(brokers), "--from", "beginning"],
        ]
        for arguments in taps {
            let program = try Program(arguments)
            try await eventually("\(arguments) to print something") { program.text.contains("{") }
            program.signal(SIGINT)
            #expect(try await program.exitCode() == 0, "\(arguments)")
        }
        // The clients' port is not the admin listener.
        expect(try await run(["reload", "--port", String(port)], code: 69), has: ["404"])
        demo.signal(SIGTERM)
        #expect(try await demo.exitCode() == 0)
    }

    // MARK: Command lines

    @Test func whatIsNoPortIsSaidInsteadOfConnectedTo() async throws {
        for port in ["0", "65536", "99999"] {
            for command in ["reload", "health"] {
                expect(try await run([command, "--port", port], code: 64), has: ["--port must be between 1 and 65535"])
            }
            try await run(["tap", "c", "--url", "ws://127.0.0.1:\(port)/ws"], code: 64)
        }
        let commands = [("reload", "ADMIN_PORT", []), ("health", "PORT", []), ("tap", "PORT", ["c"])]
        for (command, variable, rest) in commands {
            for value in ["99999", "many"] {
                expect(
                    try await run([command] + rest, code: 78, environment: [variable: value]),
                    has: ["\(variable) is `\(value)`"])
            }
        }
    }

    @Test(arguments: [
        "serve", "demo", "init", "check", "explain", "test", "routes diff", "reload", "config show", "schema", "tap",
        "produce", "health", "reference", "dead-letter list", "dead-letter show", "dead-letter replay",
    ])
    func helpNamesTheExitCodes(command: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        expect(try await run(words + ["--help"], code: 0), has: ["Exit codes: 0 ", "USAGE: patchbay \(command)"])
        try await run(words + ["--nonsense"], code: 64)
    }

    /// The file named a schema that wasn't there, and kept the address of the broker it happened to be made with, so that
    /// it read from a colleague's laptop in production.
    @Test func theFileNamesNothingThatHappenedToBeThere() async throws {
        let kafka = try TestKafka(topics: [("notes", 1)])
        defer { kafka.close() }
        try kafka.produce("notes", [#"{"a":1}"#])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("init-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("routes.yaml").path
        for hasSchema in [false, true] {
            if hasSchema { try Data("{}".utf8).write(to: folder.appendingPathComponent("routes.schema.json")) }
            let program = try PatchbayProgram([
                "init", "--from-topic", "notes", "--from-topic", "notes", "--brokers", kafka.brokers, "--output", path, "--force",
            ])
            #expect(try await program.exitCode() == 0, "\(program.text)")
            #expect(program.text.contains("export KAFKA_BROKERS=\(kafka.brokers)"), "\(program.text)")
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.hasPrefix("# yaml-language-server: $schema=./routes.schema.json\n") == hasSchema, "\(text)")
            #expect(text.contains("$schema") == hasSchema)
            #expect(text.contains("${KAFKA_BROKERS:-localhost:9092}") && !text.contains(kafka.brokers), "\(text)")
            let loaded = try ConfigurationLoader.load(
                text: text, file: "routes.yaml", environment: [:], transformers: BuiltinTransformers.set())
            #expect(loaded.diagnostics.isEmpty)
        }
    }
}
