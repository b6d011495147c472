import Foundation
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// What operators do with routes.yaml, with the program they use: findings, exit codes, both formats.
@Suite(.serialized) struct OperatorTests {
    private typealias Program = PatchbayProgram

    /// A folder with files, which goes with the test.
    private final class Folder: Sendable {
        let url: URL
        init(_ files: [String: String] = [:]) throws {
            url = FileManager.default.temporaryDirectory.appendingPathComponent("operator-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            for (name, text) in files { try write(name, text) }
        }
        deinit { try? FileManager.default.removeItem(at: url) }
        func path(_ name: String) -> String { url.appendingPathComponent(name).path }
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        }
    }

    private func run(
        _ arguments: [String], code: Int32, environment: [String: String] = [:], input: String? = nil
    ) async throws -> String {
        let program = try Program(arguments, environment: environment, input: input)
        let exit = try await program.exitCode()
        // The last output may come a moment after the end.
        try await eventually("some output of \(arguments)") { !program.text.isEmpty || exit == 0 }
        #expect(exit == code, "\(arguments.joined(separator: " ")) said: \(program.text)")
        return program.text
    }

    private func json(_ arguments: [String], code: Int32, environment: [String: String] = [:]) async throws -> Any {
        let text = try await run(arguments + ["--format", "json"], code: code, environment: environment)
        return try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private static let good = """
        version: 1
        kafka: { group: g, properties: { sasl.password: "${file:PASSWORD}" } }
        channels: { errors: { buffer: 7 } }
        routes:
          - name: errors
            topics: ["^metrics[.].*", legacy]
            transform:
              - filter: { where: .level == "error" }
              - pick: [service, level]
            type: service_error
            channels: [errors, "by.{service}"]
            tests:
              - name: errors pass
                topic: metrics.a
                input: { service: api, level: error, host: h }
                expect:
                  - { channel: errors, type: service_error, data: { service: api, level: error } }
                  - { channel: by.api }
              - { name: others do not, topic: metrics.a, input: { level: info }, expect: [] }
          - { topic: off, enabled: false, transform: json, channel: errors }

        """

    private func goodFolder() throws -> Folder {
        let folder = try Folder(["password": "hunter2"])
        try folder.write("routes.yaml", Self.good.replacingOccurrences(of: "PASSWORD", with: folder.path("password")))
        return folder
    }

    @Test func checkReportsEverythingOfEveryFile() async throws {
        let folder = try goodFolder()
        try folder.write("bad.yaml", "version: 1\nroutes:\n  - { topic: a, transform: trde, chanel: x }\n")
        #expect(try await run(["check", folder.path("routes.yaml")], code: 0).contains("ok, 2 routes, 1 channel"))
        let text = try await run(["check", folder.path("routes.yaml"), folder.path("bad.yaml")], code: 78)
        for part in [
            "bad.yaml:3:28: error: there is no transformer `trde`", "did you mean `trade`?",
            "bad.yaml:3:34: error: unknown key `chanel`", "did you mean `channel`?", "^",
        ] { #expect(text.contains(part), "no \(part) in: \(text)") }
        let reports = try #require(try await json(["check", folder.path("bad.yaml")], code: 78) as? [[String: Any]])
        let findings = try #require(reports.first?["findings"] as? [[String: Any]])
        #expect(findings.map { $0["column"] as? Int } == [28, 34])
        #expect(reports.first?["is_valid"] as? Bool == false)
    }

    @Test func whatIsNoRoutesFileIsAClearFinding() async throws {
        var bomb = "l0: &l0 [x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ",")
            bomb += "l\(level): &l\(level) [\(aliases)]\n"
        }
        let folder = try Folder(["bomb.yaml": bomb])
        try Data(repeating: 0x20, count: 10 << 20).write(to: folder.url.appendingPathComponent("large.yaml"))
        try Data([0x61, 0x3A, 0xFF]).write(to: folder.url.appendingPathComponent("latin.yaml"))
        for (file, words) in [
            ("gone.yaml", "no such file"), ("", "directory"), ("large.yaml", "larger than"), ("latin.yaml", "not UTF-8"),
            ("bomb.yaml", "aliases"),
        ] {
            let text = try await run(["check", folder.path(file)], code: 78)
            #expect(text.contains(words), "\(file): \(text.prefix(500))")
        }
    }

    @Test func explainSaysWhoTakesARecordAndWhatComesOfIt() async throws {
        let folder = try goodFolder()
        let base = ["explain", "--config", folder.path("routes.yaml"), "--topic"]
        let passed = try await run(base + ["metrics.x", "--all", #"{"service":"api","level":"error","n":1}"#], code: 0)
        for part in [
            "route errors: takes it", "step 1, filter", "step 2, pick", "message to errors:", "message to by.api:", "route off: no",
        ] {
            #expect(passed.contains(part), "no \(part) in: \(passed)")
        }
        #expect(try await run(base + ["legacy", #"{"level":"info"}"#], code: 0).contains("left out on purpose"))
        #expect(try await run(base + ["legacy", "{"], code: 1).contains("invalid_json"))
        #expect(try await run(base + ["legacy", #"{"level":"error"}"#], code: 1).contains("channel_unrenderable"))
        #expect(try await run(base + ["nobody"], code: 1).contains("no route uses this topic"))
        #expect(try await run(base + ["legacy", "-"], code: 0, input: #"{"level":"info"}"#).contains("filter"))
        let report = try await json(base + ["legacy", "--tombstone"], code: 0) as? [String: Any]
        let outcomes = report?["routes"] as? [[String: Any]]
        #expect(outcomes?.first?["is_ignored"] as? Bool == true && (outcomes?.first?["errors"] as? [Any])?.isEmpty == true)
        #expect(try await run(base + ["legacy", "--tombstone"], code: 0).contains("is ignored; no message (tombstones: ignore)"))
        let deletions = try Folder([
            "r.yaml": """
            version: 1
            defaults: { tombstones: message }
            routes:
              - { topic: t, transform: json, channel: c, tests: [{ input: null, key: 7, expect: [{ deleted: true, key: 7, data: null }] }] }
              - { name: strict, topic: t, transform: json, channel: c, tombstones: reject }

            """
        ])
        let deleted = try await run(
            ["explain", "--config", deletions.path("r.yaml"), "--topic", "t", "--key", "7", "--tombstone"], code: 1)
        #expect(deleted.contains(#""data":null,"deleted":true,"key":"7","timestamp""#) && deleted.contains("refused: tombstone"))
        #expect(try await run(["test", deletions.path("r.yaml")], code: 0).contains("1 passed, 0 failed"))
        let templates = try Folder(["r.yaml": "version: 1\nroutes: [{ topic: t, transform: json, channel: \"{@key}.{@header.h}\" }]\n"])
        let named = try await run(
            ["explain", "--config", templates.path("r.yaml"), "--topic", "t", "--key", "K", "--header", "h=H", "{}"], code: 0)
        #expect(named.contains("message to K.H:"))
    }

    @Test func testRunsTheTestsOfTheFile() async throws {
        let folder = try goodFolder()
        let passed = try await run(["test", folder.path("routes.yaml")], code: 0)
        #expect(passed.contains("2 passed, 0 failed"), "\(passed)")
        let text = try String(contentsOfFile: folder.path("routes.yaml"), encoding: .utf8)
        try folder.write("broken.yaml", text.replacingOccurrences(of: "pick: [service, level]", with: "pick: [service]"))
        let failed = try await run(["test", folder.path("broken.yaml")], code: 1)
        for part in ["FAIL errors: errors pass", "broken.yaml:13:", "data.level is missing, expected \"error\"", "1 passed, 1 failed"] {
            #expect(failed.contains(part), "no \(part) in: \(failed)")
        }
        try folder.write("bare.yaml", "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n")
        let bare = try await run(["test", folder.path("bare.yaml")], code: 0)
        #expect(bare.contains("routes without tests: t") && bare.contains("transformers that no test runs: json"))
        let reports = try await json(["test", folder.path("broken.yaml")], code: 1) as? [[String: Any]]
        #expect((reports?.first?["outcomes"] as? [Any])?.count == 2)
    }

    @Test func diffSaysWhatAReloadWouldChange() async throws {
        let folder = try goodFolder()
        let (old, new) = (folder.path("routes.yaml"), folder.path("new.yaml"))
        #expect(try await run(["routes", "diff", old, old], code: 0).contains("no difference"))
        let text = try String(contentsOfFile: old, encoding: .utf8)
        try folder.write(
            "new.yaml",
            text.replacingOccurrences(of: "buffer: 7", with: "buffer: 8").replacingOccurrences(of: "enabled: false, ", with: "")
                .replacingOccurrences(of: "version: 1", with: "version: 1\nserver: { port: 9 }"))
        let changes = try await run(["routes", "diff", old, new], code: 1)
        for part in [
            "~ channel errors: buffer: 7 → 8", "~ route off: enabled: false → true", "+ topic off", "server.port", "(needs a restart)",
        ] {
            #expect(changes.contains(part), "no \(part) in: \(changes)")
        }
        #expect(try await json(["routes", "diff", old, new], code: 1) is [String: Any])
        try folder.write("new.yaml", "version: 2\n")
        _ = try await run(["routes", "diff", old, new], code: 78)
    }

    @Test func configShowNamesTheOriginOfEverySettingAndNoSecret() async throws {
        let folder = try goodFolder()
        let path = folder.path("routes.yaml")
        let text = try await run(["config", "show", "--config", path], code: 0, environment: ["PORT": "8099", "PASSWORD": "x"])
        #expect(text.contains("port: 8099") && text.contains("# PORT") && text.contains("# default"))
        #expect(text.contains("\(path):3:"), "\(text)")
        #expect(text.contains("***") && !text.contains("hunter2"))
        _ = try await json(["config", "show", "--config", path], code: 0)
        let schema = try await run(["schema"], code: 0)
        #expect(try JSONSerialization.jsonObject(with: Data(schema.utf8)) is [String: Any])
    }

    @Test func initWritesAFileThatIsRight() async throws {
        let folder = try Folder()
        let path = folder.path("routes.yaml")
        _ = try await run(["init", "--output", path], code: 0)
        _ = try await run(["check", path], code: 0)
        #expect(try await run(["init", "--output", path], code: 73).contains("--force"))
        _ = try await run(["init", "--output", path, "--force"], code: 0)
        #expect(try await run(["init", "--output", "-"], code: 0).contains("version: 1"))

        let kafka = try TestKafka(topics: [("trade-info", 2), ("mixed", 1)])
        defer { kafka.close() }
        try kafka.produce("trade-info", (0..<3).map(Sample.trade))
        let live = folder.path("live.yaml")
        _ = try await run(["init", "--from-topic", "trade-info", "--brokers", kafka.brokers, "--output", live], code: 0)
        #expect(try String(contentsOfFile: live, encoding: .utf8).contains("transform: trade"))
        _ = try await run(["check", live], code: 0)
        #expect(try await run(["test", live], code: 0).contains("1 passed, 0 failed"))
        // The first record was good and a later one was not: the test that was written expected an error of the good one.
        try kafka.produce("mixed", ["{\"a\":1}", "no json"])
        let mixed = folder.path("mixed.yaml")
        _ = try await run(["init", "--from-topic", "mixed", "--brokers", kafka.brokers, "--output", mixed], code: 0)
        #expect(try await run(["test", mixed], code: 0).contains("1 passed, 0 failed"))
        _ = try await run(["init", "--from-topic", "gone", "--brokers", kafka.brokers, "--output", "-", "--timeout", "2"], code: 69)
    }

    /// `patchbay produce` to a misspelt topic ended after its whole timeout with "timed out".
    @Test func produceSaysThatATopicIsMissing() async throws {
        let kafka = try TestKafka(topics: [("gone", 1)])
        defer { kafka.close() }
        try kafka.kafka.setTopicError("gone", .unknownTopicOrPartition)
        let text = try await run(["produce", "--brokers", kafka.brokers, "--timeout", "20", "gone", "1"], code: 69)
        #expect(text == "patchbay: 1 record was not accepted: topic `gone` doesn't exist: create it, or check its spelling\n")
    }

    /// `check --live` said ok when the first address answered, and then nothing could be read: records come from the addresses
    /// that brokers advertise.
    @Test func checkLiveTriesWhatTheBrokersAdvertise() async throws {
        let kafka = try EmbeddedKafka(brokers: 2, topics: [("t", 1)])
        defer { kafka.close() }
        let addresses = kafka.bootstrapServers.split(separator: ",").map(String.init)
        let folder = try Folder(["routes.yaml": "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n"])
        let check = ["check", "--live", "--timeout", "3", folder.path("routes.yaml")]
        let environment = ["KAFKA_BROKERS": addresses[0]]
        _ = try await run(check, code: 0, environment: environment)
        try kafka.takeDown(broker: 2)
        let text = try await run(check, code: 69, environment: environment)
        #expect(text.contains("broker 2 advertises \(addresses[1]): ") && text.contains("correct advertised.listeners"), "\(text)")
    }

    @Test func checkLiveAndTapAskTheBrokers() async throws {
        let kafka = try TestKafka(topics: [("trade-info", 2)])
        defer { kafka.close() }
        let folder = try Folder(["routes.yaml": "version: 1\nroutes: [{ topic: trade-inf, transform: trade, channel: c }]\n"])
        let path = folder.path("routes.yaml")
        _ = try await run(["check", path], code: 0)
        let text = try await run(["check", "--live", path], code: 78, environment: ["KAFKA_BROKERS": kafka.brokers])
        #expect(text.contains("topic `trade-inf`") && text.contains("did you mean `trade-info`?"), "\(text)")
        // It was placed at the route, without its line.
        try folder.write(
            "many.yaml",
            """
            version: 1
            routes:
              - transform: trade
                channel: c
                topics: [trade-info, ^gone, trade-inf]
                on_error: dead_letter
                dead_letter: dead

            """)
        let many = try await run(["check", "--live", folder.path("many.yaml")], code: 78, environment: ["KAFKA_BROKERS": kafka.brokers])
        for part in [
            "many.yaml:5:26: warning: no topic matches `^gone`", "many.yaml:5:33: error: topic `trade-inf`",
            "        topics: [trade-info, ^gone, trade-inf]\n                                    ^",
            "many.yaml:7:18: warning: the dead-letter topic `dead`",
        ] { #expect(many.contains(part), "no \(part) in: \(many)") }
        _ = try await run(
            ["check", "--live", "--timeout", "1", path], code: 69, environment: ["KAFKA_BROKERS": "127.0.0.1:1"])
        try kafka.producer.produce(
            topic: "trade-info", partition: 0, key: Array("K".utf8), value: Array("{ \"a\" : 1 }".utf8),
            headers: [("h", Array("v".utf8))])
        try kafka.produce("trade-info", ["no json"])
        let base = ["tap", "--topic", "trade-info", "--brokers", kafka.brokers]
        let lines = try await run(base + ["--from", "beginning", "--count", "2"], code: 0)
        #expect(lines.contains(#""key":"K","headers":[{"name":"h","value":"v"}],"value":{"a":1}"#), "\(lines)")
        #expect(lines.contains(#""value":"no json""#))
        #expect(try await run(base + ["--last", "1", "--count", "1"], code: 0).contains("no json"))
        _ = try await run(["tap", "--topic", "t", "--brokers", "127.0.0.1:1", "--timeout", "1"], code: 69)
        for wrong in [["tap"], ["tap", "c", "--topic", "t"], ["tap", "c", "--last", "1"], base + ["--from", "end", "--last", "1"]] {
            _ = try await run(wrong, code: 64)
        }
    }

    @Test func aRunningServerReloadsOnRequestOnSIGHUPAndByItself() async throws {
        let folder = try Folder()
        func routes(_ channel: String, watch: Bool) -> String {
            "version: 1\nreload: { watch: \(watch) }\nroutes: [{ topic: notes, transform: json, channel: \(channel) }]\n"
        }
        try folder.write("routes.yaml", routes("one", watch: false))
        let demo = try Program(
            ["demo", "--config", folder.path("routes.yaml"), "--rate", "0"], environment: ["PORT": "0", "ADMIN_PORT": "0"])
        try await eventually("the ports; so far: \(demo.text)") { demo.text.contains("admin_port=") && demo.text.contains("/health") }
        let admin = try #require(demo.text.firstMatch(of: /admin_port=([0-9]+)/)).output.1
        let port = try #require(demo.text.firstMatch(of: /localhost:([0-9]+)\/ws/)).output.1
        let reload = ["reload", "--port", String(admin)]
        #expect(try await run(reload, code: 0).contains("nothing changed; generation 1"))

        try folder.write("routes.yaml", routes("two", watch: false))
        let preview = try await run(reload + ["--dry-run"], code: 0)
        #expect(preview.contains("would be applied") && preview.contains("+ channel two"), "\(preview)")
        #expect(try await run(reload, code: 0).contains("applied; generation 2"))

        try folder.write("routes.yaml", routes("three", watch: false).replacingOccurrences(of: "transform", with: "transfrm"))
        let refused = try await run(reload, code: 78)
        #expect(refused.contains("refused; generation 2 stays active") && refused.contains("transfrm"), "\(refused)")
        let health = try await run(["health", "--port", String(port)], code: 0)
        #expect(health.contains("configuration 2") && health.contains("transfrm"), "\(health)")
        #expect((try await json(reload + ["--dry-run"], code: 78) as? [String: Any])?["result"] as? String == "would_refuse")

        try folder.write("routes.yaml", routes("three", watch: false))
        demo.signal(SIGHUP)
        try await eventually("SIGHUP to be followed") { demo.text.contains("generation=3") }
        #expect(demo.text.contains("SIGHUP"))
        demo.signal(SIGTERM)
        #expect(try await demo.exitCode() == 0)
        _ = try await run(reload, code: 69)
    }

    @Test func everyCommandHasHelpAndRefusesUnknownFlags() async throws {
        for command in [
            ["check"], ["explain"], ["test"], ["init"], ["routes", "diff"], ["reload"], ["config", "show"], ["tap"],
        ] {
            let help = try await run(command + ["--help"], code: 0)
            #expect(help.contains("Exit codes") && help.contains("USAGE"), "\(command): \(help)")
            _ = try await run(command + ["--nonsense"], code: 64)
        }
    }
}
