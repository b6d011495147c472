import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import Testing

@testable import PatchbayRuntime

/// Anybody who reaches the admin port may have a candidate tried, and a candidate may name any variable of the process and
/// every secret file of the configuration in force. A review found three ways to read the values in the answer (an include,
/// the words about a placeholder, the threshold of an alert), so all places where a value can stand are tried here.
@Suite struct DryRunSecretTests {
    private static let word = "hunter2"
    private static let number = "471147"

    /// A folder with the configuration in force and its secrets, one of them beside it.
    private final class Folder {
        let url: URL
        let environment = ["WORD": DryRunSecretTests.word, "NUMBER": DryRunSecretTests.number]
        var main: String { path("conf/routes.yaml") }

        init(_ text: String) throws {
            url = FileManager.default.temporaryDirectory.appendingPathComponent("dry-run-\(UUID().uuidString)")
            try FileManager.default.createDirectory(
                at: url.appendingPathComponent("conf"), withIntermediateDirectories: true)
            try write("conf/routes.yaml", text)
            for place in ["", "conf/"] {
                try write(place + "word", DryRunSecretTests.word)
                try write(place + "number", DryRunSecretTests.number)
                try write(place + "lines", "routes: [{ topic: t, transform: json, channel: c, tpye: hunter2 }]\n")
            }
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        func path(_ name: String) -> String { url.appendingPathComponent(name).path }
        func write(_ name: String, _ text: String) throws { try text.write(toFile: path(name), atomically: true, encoding: .utf8) }

        /// What reloads the configuration in a server that runs it as it is now.
        func reloader() throws -> Reloader {
            let (main, environment) = (main, environment)
            let transformers = try BuiltinTransformers.set()
            let current = ConfigurationFile.read(main, environment: environment, transformers: transformers, hidesVariables: true)
            let configuration = try #require(current.configuration, "\(current.findings)")
            return Reloader(
                current: current, configuration: configuration,
                load: { candidate in
                    candidate.map { ConfigurationFile.read($0, insteadOf: main, environment: environment, transformers: transformers) }
                        ?? ConfigurationFile.read(main, environment: environment, transformers: transformers, hidesVariables: true)
                }, apply: { _ in 1 },
                recent: {
                    [("default", "t", [SampledRecord(key: Array("k".utf8), value: Array("{\"a\":1,\"hunter3\":2}".utf8))])]
                }, logger: Logger(label: "test"))
        }

        /// What such a server answers about a candidate.
        func answer(about candidate: String) async throws -> ReloadReport {
            try await reloader().preview(candidate: Array(candidate.utf8))
        }
    }

    private static let plain = "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n"

    private func expectHidden(_ report: ReloadReport, _ place: String, at location: SourceLocation = #_sourceLocation) {
        for text in [report.json, report.text] {
            for secret in [Self.word, Self.number] {
                #expect(!text.contains(secret), "\(place)\n\(text)", sourceLocation: location)
            }
        }
    }

    /// What stands for the value: `~~`. Each is tried with a word, a number and a word with something around it, from a variable
    /// and from a file; so most of them are wrong somewhere, too.
    private static let places: [String] = {
        let route = [
            "topic: ~~, channel: c", "topics: [a, ~~], channel: c", "topic: [~~, ~~], channel: c", "topic: ^~~, channel: c",
            "topic: a, channel: ~~", "topic: a, channels: [c, ~~]", "topic: a, channels: [~~, ~~]", "topic: a, channel: 'x.{~~}'",
            "topic: a, channel: 'x.{~~'", "topic: a, channel: 'x.{@~~}'", "topic: a, channel: 'x.{@header.~~}'",
            "topic: a, channel: 'x.{ ~~ }'",
            "topic: a, channel: 'x.{a[~~]}'", "topic: a, channels: ['x.{~~}', 'y.{b}']",
            "topic: a, channel: c, name: ~~", "topic: a, channel: c, type: ~~", "topic: a, channel: c, cluster: ~~",
            "topic: a, channel: c, enabled: ~~", "topic: a, channel: c, on_error: ~~", "topic: a, channel: c, on_error: ~~, dead_letter: d",
            "topic: a, channel: c, on_error: dead_letter, dead_letter: ~~", "topic: a, channel: c, dead_letter: ~~",
            "topic: ~~, channel: c, on_error: dead_letter, dead_letter: ~~",
            "topic: '^.*', channel: c, on_error: dead_letter, dead_letter: ~~",
            "topic: a, channel: 'x.{a}', max_channels: ~~", "topic: a, channel: 'x.{a}', channel_idle: ~~",
            "topic: a, channel: c, unknown: ~~",
            "topic: a, channel: c, tests: [{ input: ~~, expect: [] }]", "topic: a, channel: c, tests: [{ input: { a: ~~ }, expect: [] }]",
            "topic: a, channel: c, tests: [{ topic: ~~, input: 1, expect: [] }]",
            "topic: ~~, channel: c, tests: [{ topic: b, input: 1, expect: [] }]",
            "topic: ^~~, channel: c, tests: [{ input: 1, expect: [] }]", "topic: a, channel: c, tests: [{ name: ~~, key: ~~, input: 1 }]",
            "topic: a, channel: c, tests: [{ input: 1, expect: [{ channel: ~~, type: ~~, data: ~~ }] }]",
            "topic: a, channel: c, tests: [{ input: 1, error: ~~ }]", "topic: a, channel: c, tests: ~~",
        ].map { "routes: [{ transform: json, \($0) }]" }
        let transform = [
            "~~", "[~~, json]", "{ pick: ~~ }", "{ pick: [a, ~~] }", "{ pick: { fields: [a], missing: ~~ } }",
            "{ pick: { fields: [a], unknown: ~~ } }",
            "{ filter: ~~ }", "{ filter: '~~ (' }", "{ filter: '.a == ~~' }", "{ filter: '.a == 1 and .a == ~~' }",
            "{ filter: '.~~ == 1 and .~~ == 2' }",
            "{ filter: '.a | ~~' }", "{ filter: '@header.~~ == 1' }", "{ rename: { a: ~~ } }", "{ rename: { a: ~~, b: ~~ } }",
            "{ json: ~~ }",
            "{ token: { ~~: 1 } }", "{ trade: { fields: [~~] } }", "{ trade: { fields: ~~, unknown: ~~ } }",
            "{ aggregate: { windows: [~~] } }",
            "{ ~~: {} }",
        ].flatMap { transform in
            ["c", "x.{a}", "x.{hunter}", "x.{a.b}", "x.{~~}"].map { "routes: [{ topic: t, transform: \(transform), channel: '\($0)' }]" }
        }
        let more = [
            "routes: [{ transform: { pick: [a] }, topic: t, channel: 'x.{~~}' }]",
            "routes: [{ transform: { pick: [~~] }, topic: t, channel: 'x.{hunter3}' }]",
            "routes: [{ transform: { pick: [a, ~~] }, topic: t, channels: ['x.{a.b}', 'y.{hunter3}'] }]",
            "routes: [{ transform: json, topic: ~~, channel: c }, { transform: json, topic: ~~, channel: c }]",
            "routes: [{ transform: json, topic: a, channel: c, on_error: dead_letter, dead_letter: ~~ }, "
                + "{ transform: json, topic: ~~, channel: c, on_error: dead_letter, dead_letter: a }]",
            "routes: [{ transform: json, topic: a, channels: [~~, hz] }, { transform: json, topic: b, channel: 'h{a}' }]",
            "routes: ~~", "include: ~~", "include: [~~, ~~]", "include: '~~/*.yaml'", "version: ~~",
        ]
        let sections = [
            "server: { host: ~~ }", "server: { port: ~~ }", "server: { max_clients: ~~ }", "server: { send_buffer: ~~ }",
            "server: { max_message: ~~ }",
            "server: { ping_interval: ~~ }", "server: { reconnect_earliest: 10m, reconnect_latest: '~~ms' }",
            "server: { reconnect_latest: ~~ }",
            "server: { reconnect_earliest: ~~, reconnect_latest: 1s }", "server: { reconnect_earliest: ~~ms, reconnect_latest: 0 }",
            "server: { allowed_origins: ~~ }", "server: { allowed_origins: ['https://~~'] }",
            "server: { allowed_origins: ['https://~~:443'] }",
            "server: { allowed_origins: ['https://~~/x', 'https://A~~'] }", "server: { cors_origins: ['wss://~~'] }",
            "server: { base_path: /~~ }",
            "server: { base_path: ~~ }", "server: { base_path: '/ws/~~' }", "server: { trusted_proxies: [~~] }", "server: { unknown: ~~ }",
            "server: ~~",
            "admin: { host: ~~ }", "admin: { host: '[~~]' }", "admin: { host: 'h:~~' }", "admin: { allowed_hosts: [~~, 'https://~~'] }",
            "admin: { enabled: ~~, port: ~~ }", "reload: { watch: ~~ }", "limits: { subscriptions: ~~ }",
            "limits: { http_connections: ~~ }",
            "alerts: { lag: ~~ }", "alerts: { topics: { t: { lag: ~~ } } }", "alerts: { topics: { t: ~~ } }", "alerts: { for: ~~ms }",
            "alerts: { node: ~~ }",
            "alerts: { settling: ~~, ends_below: ~~ }", "alerts: { webhook: { url: ~~ } }", "alerts: { webhook: { url: 'http://~~ x' } }",
            "alerts: { webhook: { url: 'http://a.b', headers: { X: ~~, 'a b': ~~ } } }", "alerts: { webhook: { headers: { X: ~~ } } }",
            "kafka: { brokers: ~~ }", "kafka: { brokers: ['~~:9092'] }", "kafka: { brokers: ['a:~~'] }",
            "kafka: { brokers: ['http://~~:1'] }",
            "kafka: { group: ~~ }", "kafka: { batch_size: ~~ }", "kafka: { max_record: ~~ }", "kafka: { dead_letter_timeout: ~~ }",
            "kafka: { properties: { sasl.username: ~~ } }", "kafka: { properties: { sasl.password: ~~, sasl.mechanism: ~~ } }",
            "kafka: { properties: { security.protocol: ~~ } }", "kafka: { properties: { unknown: ~~ } }",
            "kafka: { properties: { fetch.min.bytes: 'x~~' } }",
            "kafka: { clusters: { x: { brokers: '~~:1', group: ~~ } } }", "kafka: { clusters: { x: ~~ } }",
            "defaults: { buffer: ~~ }", "defaults: { on_error: ~~ }", "defaults: { on_error: dead_letter, dead_letter: ~~ }",
            "defaults: { max_channels: ~~ }",
            "channels: { c: { buffer: ~~ } }", "channels: { c: { description: ~~ } }", "channels: { c: ~~ }",
            "channels: { c: { unknown: ~~ } }",
        ].map { "\($0)\nroutes: [{ topic: t, transform: json, channel: c }]" }
        return (route + transform + more + sections).map { "version: 1\n\($0)\n" }
    }()

    @Test func noPlaceOfACandidateShowsAVariable() async throws {
        let folder = try Folder(Self.plain)
        let reloader = try folder.reloader()
        for place in Self.places {
            for reference in ["${WORD}", "${NUMBER}", "a ${WORD} b", "${WORD}${NUMBER}"] {
                let candidate = Self.filled(place, reference)
                expectHidden(await reloader.preview(candidate: Array(candidate.utf8)), candidate)
            }
        }
    }

    @Test func noPlaceOfACandidateShowsAFile() async throws {
        let folder = try Folder(Self.plain)
        let reloader = try folder.reloader()
        for place in Self.places {
            for name in ["conf/word", "conf/number"] {
                let candidate = Self.filled(place, "${file:\(folder.path(name))}")
                expectHidden(await reloader.preview(candidate: Array(candidate.utf8)), candidate)
            }
        }
    }

    /// The other way round: what is in force holds the value, and the candidate doesn't, so that everything differs.
    @Test func noDifferenceShowsWhatIsInForce() async throws {
        for place in Self.places where !place.contains("include:") {
            for reference in ["${WORD}", "${NUMBER}"] {
                let text = Self.filled(place, reference)
                let folder = try Folder(text)
                let current = try ConfigurationFile.read(
                    folder.main, environment: folder.environment, transformers: BuiltinTransformers.set(), hidesVariables: true)
                expectHidden(report(of: current), text)
                guard current.configuration != nil else { continue }
                expectHidden(try await folder.answer(about: "version: 1\nroutes: [{ topic: q, transform: token, channel: q }]\n"), text)
            }
        }
    }

    private func report(of loaded: LoadedConfiguration) -> ReloadReport {
        ReloadReport(result: .wouldRefuse, generation: 1, findings: loaded.findings.map(Finding.init))
    }

    /// In quotes where the place isn't already: `${…}` is a mapping otherwise.
    private static func filled(_ place: String, _ reference: String) -> String {
        var text = ""
        var rest = place[...]
        while let mark = rest.range(of: "~~") {
            text += rest[..<mark.lowerBound]
            let line = text[(text.lastIndex(of: "\n") ?? text.startIndex)...]
            let isQuoted = line.count { $0 == "'" } % 2 == 1
            let touches = [" ", "["].contains(text.last ?? " ") && [" ", ",", "]", "\n"].contains(rest[mark.upperBound...].first ?? "\n")
            text += isQuoted || !touches ? reference : "\"\(reference)\""
            rest = rest[mark.upperBound...]
        }
        return text + rest
    }

    /// Files that the configuration in force reads with `${file:…}` were among those that a candidate might have, so it could
    /// include them as well; the finding about what is no configuration in them showed their lines.
    @Test func aSecretFileCannotBeIncluded() async throws {
        for place in ["", "conf/"] {
            let folder = try Folder(Self.plain)
            try folder.write(
                "conf/routes.yaml",
                """
                version: 1
                kafka: { properties: { sasl.password: "${file:\(folder.path(place + "word"))}", sasl.username: "${file:\(folder.path(place + "lines"))}" } }
                routes: [{ topic: t, transform: json, channel: c }]

                """)
            for name in ["word", "lines"] {
                let path = folder.path(place + name)
                let report = try await folder.answer(
                    about: "version: 1\ninclude: \"\(path)\"\nroutes: [{ topic: t, transform: json, channel: c }]\n")
                #expect(report.result == .wouldRefuse)
                expectHidden(report, path)
                #expect(report.text.contains("the server reads it as a secret"), "\(report.text)")
                // As a secret it may be had, and the candidate is the same as what is in force but for one property.
                let same = try await folder.answer(
                    about:
                        "version: 1\nkafka: { properties: { sasl.password: \"${file:\(path)}\" } }\nroutes: [{ topic: t, transform: json, channel: c }]\n"
                )
                #expect(same.result == .wouldApply, "\(same.text)")
                expectHidden(same, path)
            }
        }
    }

    /// A folder holds more than configurations, and what the server itself never read may be anything: a finding about it says
    /// what is wrong and where, without the line.
    @Test func linesOfFilesThatAreNotInUseAreNotShown() async throws {
        let folder = try Folder(Self.plain)
        let report = try await folder.answer(about: "version: 1\ninclude: lines\n")
        expectHidden(report, "include")
        #expect(report.findings.contains { $0.message.contains("tpye") && $0.file?.hasSuffix("lines") == true }, "\(report.text)")
        // One that is in use is shown as before, the candidate too.
        try folder.write("conf/routes.yaml", "version: 1\ninclude: more.yaml\n")
        try folder.write("conf/more.yaml", "routes: [{ topic: t, transform: json, channel: c, type: m }]\n")
        let known = try await folder.answer(
            about: "version: 1\ninclude: more.yaml\nroutes: [{ topic: m, transform: json, channel: c, tpye: here }]\nserver: { port: x }\n")
        #expect(known.text.contains("tpye: here"), "\(known.text)")
    }

    /// Early mistakes of the file make a reload forget its secrets: it never comes to them. The configuration in force has them.
    @Test func aBrokenFileKeepsItsSecrets() async throws {
        let folder = try Folder(Self.plain)
        let secret = folder.path("conf/lines")
        let right =
            "version: 1\nkafka: { properties: { sasl.password: \"${file:\(secret)}\" } }\nroutes: [{ topic: t, transform: json, channel: c }]\n"
        try folder.write("conf/routes.yaml", right)
        let reloader = try folder.reloader()
        try folder.write("conf/routes.yaml", "version: [\n")
        #expect(await reloader.reload(.request).result == .refused)
        let report = await reloader.preview(candidate: Array("version: 1\ninclude: lines\n".utf8))
        #expect(report.text.contains("the server reads it as a secret"), "\(report.text)")
    }
}
