import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Differences of configurations")
struct DifferenceTests {
    private func configuration(_ text: String, _ files: [String: String] = [:]) throws -> RouterConfiguration {
        let result = ConfigurationLoader.load(
            bytes: Array(text.utf8), file: "routes.yaml", environment: [:], transformers: fakes,
            files: .memory(files.mapValues { Array($0.utf8) }))
        #expect(result.diagnostics == [])
        return try #require(result.configuration)
    }

    private func difference(_ old: String, _ new: String) throws -> String {
        ConfigurationDifference(from: try configuration(old), to: try configuration(new)).text
    }

    private static func file(_ route: String, _ more: String = "") -> String {
        "version: 1\n\(more)routes:\n  - { topic: z, transform: token, channel: z }\n  - { \(route) }\n"
    }

    private static let route = "topic: a, transform: token, channel: c"

    @Test(
        "name what changes in a route",
        arguments: [
            ("topic: a, transform: token, channel: c, name: a, tests: [{ input: 1, expect: [] }]", ""),
            ("topics: [a, b], name: a, transform: token, channel: c", "~ route a: topics: a → a, b\n+ topic b\n"),
            (
                "topic: a, transform: [{ pick: [x, y] }, token], channel: c",
                "~ route a: transform: token → pick(fields: [x, y], missing: skip) → token\n"
            ),
            ("\(route), type: t", "~ route a: type: token_info → t\n"),
            ("topic: a, transform: token, channels: [c, 'd.{x}']", "~ route a: channels: c → c, d.{x}\n+ channel d.{x}\n"),
            (
                "\(route), max_channels: 5, channel_idle: 2s",
                "~ route a: max_channels: 10000 → 5; channel_idle: 600.0 seconds → 2.0 seconds\n"
            ),
            ("\(route), on_error: dead_letter, dead_letter: d", "~ route a: on_error: skip → dead_letter to d\n"),
            ("\(route), enabled: false", "~ route a: enabled: true → false\n- channel c\n- topic a\n"),
            ("topic: b, transform: token, channel: c", "+ route b: b → c\n- route a\n+ topic b\n- topic a\n"),
        ])
    func routes(_ route: String, _ text: String) throws {
        #expect(try difference(Self.file(Self.route), Self.file(route)) == text)
    }

    @Test("name what changes in clusters and settings")
    func settings() throws {
        let new = Self.file(
            Self.route,
            "server: { port: 81 }\nadmin: { enabled: false }\nkafka: { brokers: 'b:1', batch_size: 5, properties: { debug: all }, clusters: { x: { brokers: 'x:1' } } }\n"
        )
        #expect(
            try difference(Self.file(Self.route), new) == """
                ~ cluster default: brokers: localhost:9092 → b:1; batch_size: 100 → 5; properties: debug
                + cluster x
                ~ setting server.port: 8080 → 81 (needs a restart)
                ~ setting admin.enabled: true → false (needs a restart)

                """)
    }

    /// "é" as one character and as "e" with an accent were one text to Swift: a reload with the other one changed nothing.
    @Test("see texts that only look alike")
    func canonical() throws {
        let (one, other) = ("caf\u{E9}", "cafe\u{301}")
        func file(_ name: String) -> String {
            let sections = """
                server: { allowed_origins: ["*"] }
                alerts: { node: \(name) }
                kafka: { group: \(name), properties: { client.rack: \(name) } }

                """
            return Self.file(
                "\(Self.route), name: r, type: \(name), transform: { pick: [\(name)] }".replacing("transform: token, ", with: ""), sections)
        }
        #expect(
            try difference(file(one), file(other)) == """
                ~ route r: transform: pick(fields: [\(one)], missing: skip) → pick(fields: [\(other)], missing: skip); type: \(one) → \(other)
                ~ cluster default: group: \(one) → \(other); properties: client.rack
                ~ setting alerts.node: \(one) → \(other) (needs a restart)

                """)
        #expect(try difference(file(one), file(one)) == "")
        // By this a reload decides whether a consumer may go on.
        func cluster(_ name: String, group: String) throws -> KafkaSettings {
            let section = "kafka: { clusters: { \(name): { brokers: 'b:1', group: \(group) } } }\n"
            return try #require(try configuration(Self.file(Self.route, section)).clusters.last)
        }
        #expect(try cluster(one, group: one).isEquivalent(to: cluster(one, group: one)))
        #expect(try !cluster(one, group: one).isEquivalent(to: cluster(other, group: one)))
        #expect(try !cluster(one, group: one).isEquivalent(to: cluster(one, group: other)))
    }

    @Test("see what reads alike when it is written out")
    func alike() throws {
        let old = try configuration(Self.file("topic: a, transform: token, channels: ['x, y']")).routes[1]
        let new = try configuration(Self.file("topic: a, transform: token, channels: [x, y]")).routes[1]
        #expect(!old.isEquivalent(to: new))
        let text = try configuration(Self.file("topic: a, transform: { pick: ['x, y'] }, channel: c")).routes[1]
        let list = try configuration(Self.file("topic: a, transform: { pick: [x, y] }, channel: c")).routes[1]
        #expect(!text.isEquivalent(to: list))
        #expect(list.isEquivalent(to: list))
    }

    @Test(
        "show no secrets, wherever they came in",
        arguments: [
            ("SECRETSECRET", "transform: { mask: { key: ~~ } }, topic: a, channel: c"),
            ("SECRET", "transform: { filter: ~~ }, topic: a, channel: c"), ("SECRET", "transform: { pick: [x, ~~] }, topic: a, channel: c"),
            ("SECRET", "transform: { mask: { key: longenough, anything: { deep: [~~] } } }, topic: a, channel: c"),
            ("SECRET", "transform: { mask: { key: longenough, rename: { a: ~~ } } }, topic: a, channel: c"),
            ("SECRET", "transform: token, topic: ~~, channel: c"), ("SECRET", "transform: token, topic: [a, ~~], channel: c"),
            ("SECRET", "transform: token, topic: a, channel: [c, ~~]"), ("SECRET", "transform: token, topic: a, channel: c, type: ~~"),
            ("SECRET", "transform: token, topic: a, channel: c, name: ~~"),
            ("SECRET", "transform: token, topic: a, channel: c, on_error: dead_letter, dead_letter: ~~"),
            ("4711", "transform: token, topic: a, channel: 't.{x}', max_channels: ~~"),
            ("4711", "transform: token, topic: a, channel: 't.{x}' }\nchannels: { 't.{x}': { buffer: ~~ }"),
        ])
    func secretsOfRoutes(_ secret: String, _ route: String) throws {
        try check(secret) { Self.file(route.replacing("~~", with: $0)) }
    }

    @Test(
        "show no secrets of clusters and settings",
        arguments: [
            ("SECRET:1", "kafka: { brokers: ~~ }\n"), ("SECRET:1", "kafka: { brokers: [~~, 'a:1'] }\n"),
            ("SECRET", "kafka: { group: ~~ }\n"),
            ("471", "kafka: { batch_size: ~~ }\n"), ("SECRET", "kafka: { properties: { a: ~~ } }\n"), ("SECRET", "server: { host: ~~ }\n"),
            ("4711", "server: { port: ~~ }\n"), ("https://SECRET", "server: { allowed_origins: [~~] }\n"),
            ("SECRET", "admin: { host: ~~ }\n"),
            ("SECRET", "kafka: { group: ~~, clusters: { x: { brokers: 'x:1' } } }\n"), ("471", "defaults: { max_channels: ~~ }\n"),
            ("4711", "channels: { c: { buffer: ~~ } }\n"), ("4711", "defaults: { buffer: ~~ }\n"),
            ("SECRET", "defaults: { on_error: dead_letter, dead_letter: ~~ }\n"),
            ("4711", "kafka: { properties: { sasl.password: '~~' } }\n"),
            ("471", "alerts: { lag: ~~ }\n"), ("471", "alerts: { topics: { t: { lag: ~~ } } }\n"),
            ("471", "alerts: { lag: 7, topics: { t: { lag: ~~ } } }\n"),
            ("471", "server: { max_clients: ~~ }\n"), ("471", "limits: { subscriptions: ~~ }\n"), ("SECRET", "alerts: { node: ~~ }\n"),
        ])
    func secretsOfSettings(_ secret: String, _ section: String) throws {
        try check(secret) { Self.file(Self.route, section.replacing("~~", with: $0)) }
    }

    private func check(_ secret: String, _ text: (String) -> String) throws {
        let old = try configuration(text("\"${file:/s}\""), ["/s": secret + "1"])
        let new = try configuration(text("\"${file:/s}\""), ["/s": secret + "2"])
        let changed = ConfigurationDifference(from: old, to: new)
        #expect(!changed.isEmpty)
        #expect(!changed.text.contains(secret))
        let plain = try configuration(Self.file("topic: q, transform: token, channel: q"))
        for other in [ConfigurationDifference(from: plain, to: new), ConfigurationDifference(from: old, to: plain)] {
            #expect(!other.text.contains(secret), "\(other.text)")
        }
        let origins = ConfigurationLoader.load(
            bytes: Array(text("\"${file:/s}\"").utf8), file: "f", environment: [:], transformers: fakes,
            files: .memory(["/s": Array((secret + "1").utf8)])
        ).origins
        #expect(!origins.isEmpty)
        #expect(!"\(origins.map(\.value))".contains(secret))
    }
}
