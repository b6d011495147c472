import PatchbayAPI
import PatchbayConfig
import PatchbaySettings
import Testing

@Suite("A right configuration")
struct ConfigurationTests {
    static let full = """
        version: 1
        server:
          host: 127.0.0.1
          port: 9000
          max_clients: 15000
          read_buffer: 2KiB
          write_buffer: 64KiB
          max_message: 1MiB
          handshake_timeout: 500ms
          ping_interval: 1m
          drain_timeout: 9s
          event_loops: 2
          allowed_origins: ["https://example.com", "http://localhost:3000"]
        kafka:
          brokers: [kafka1:9092, "[::1]:9093"]
          group: router
          batch_size: 500
          max_record: 2MB
          properties:
            security.protocol: plaintext
            socket.keepalive.enable: true
            fetch.wait.max.ms: 0100
            debug: "on"
        defaults: { buffer: 50 }
        channels:
          dashboard: { buffer: 500, description: Everything }
          späte Züge:
        routes:
          - name: tokens
            topic: token-info
            transform: token
            type: coin
            channel: dashboard
          - topic: aggregate-info
            transform: { aggregate: { windows: 5min } }
            channels: [späte Züge, dashboard, extra]
          - name: again
            topic: aggregate-info
            transform:
              aggregate:
            channel: extra

        """

    @Test("becomes these settings")
    func settings() throws {
        let result = load(Self.full)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        let server = configuration.server
        #expect(server.host == "127.0.0.1" && server.port == 9000 && server.maxClients == 15000)
        #expect(server.readBuffer == 2048 && server.writeBuffer == 65536 && server.maxMessage == 1 << 20)
        #expect(server.handshakeTimeout == .milliseconds(500) && server.pingInterval == .seconds(60))
        #expect(server.drainTimeout == .seconds(9) && server.eventLoops == 2)
        #expect(server.allowedOrigins == ["https://example.com", "http://localhost:3000"])

        let kafka = configuration.kafka
        #expect(kafka.brokers == ["kafka1:9092", "[::1]:9093"] && kafka.group == "router")
        #expect(kafka.batchSize == 500 && kafka.maxRecord == 2_000_000)
        #expect(kafka.properties.map(\.name) == ["security.protocol", "socket.keepalive.enable", "fetch.wait.max.ms", "debug"])
        #expect(kafka.properties.map(\.value) == ["plaintext", "true", "0100", "on"])
        #expect(kafka.properties[1].position == SourcePosition(file: "routes.yaml", line: 21, column: 5))
        #expect(kafka.properties[1].valuePosition == SourcePosition(file: "routes.yaml", line: 21, column: 30))
    }

    @Test("has its channels in the order of first mention")
    func channels() throws {
        #expect(
            try #require(load(Self.full).configuration).channels == [
                ChannelSettings(name: "dashboard", buffer: 500, description: "Everything"),
                ChannelSettings(name: "späte Züge", buffer: 50, description: nil),
                ChannelSettings(name: "extra", buffer: 50, description: nil),
            ])
    }

    @Test("has its routes with names, types and options filled in")
    func routes() throws {
        let routes = try #require(load(Self.full).configuration).routes
        #expect(routes.map(\.name) == ["tokens", "aggregate-info", "again"])
        #expect(routes.map(\.topics) == [[.name("token-info")], [.name("aggregate-info")], [.name("aggregate-info")]])
        #expect(routes.map { $0.steps.map(\.transformer) } == [["token"], ["aggregate"], ["aggregate"]])
        #expect(routes.map(\.type) == ["coin", "aggregate_data", "aggregate_data"])
        #expect(routes.map { $0.channels.map(\.text) } == [["dashboard"], ["späte Züge", "dashboard", "extra"], ["extra"]])
        #expect(routes.map { $0.options.strings("windows") } == [nil, ["5min"], ["1min"]])
        #expect(routes.map(\.position.line) == [29, 34, 37])
        #expect(routes[0].steps[0].factory() !== routes[0].steps[0].factory())
    }

    @Test("of two lines takes every default")
    func defaults() throws {
        let configuration = try #require(load(minimal("server:\nkafka:\ndefaults:\nchannels:\n")).configuration)
        #expect(configuration.server.host == "0.0.0.0" && configuration.server.port == 8080)
        #expect(configuration.kafka == KafkaSettings())
        #expect(configuration.kafka.brokers == ["localhost:9092"] && configuration.kafka.group == "backend-service")
        #expect(configuration.server == ServerSettings() && configuration.limits == LimitSettings())
        #expect(configuration.admin == AdminSettings() && configuration.alerts == AlertSettings())
        #expect(configuration.channels == [ChannelSettings(name: "c", buffer: 100, description: nil)])
        #expect(configuration.routes.map(\.name) == ["a"])
    }

    @Test("may share values by aliases")
    func aliases() throws {
        let text = """
            version: 1
            routes:
              - { topic: a, transform: &t { aggregate: { windows: &w [1min, 5min] } }, channel: c }
              - { topic: b, transform: *t, channel: c }
              - { topic: d, transform: { aggregate: { windows: *w } }, channel: c }
            """
        let routes = try #require(load(text).configuration).routes
        #expect(routes.map { $0.options.strings("windows") } == Array(repeating: ["1min", "5min"], count: 3))
    }

    @Test("hands a transformer every kind of option")
    func options() throws {
        let text = """
            version: 1
            routes:
              - topic: a
                channel: c
                transform:
                  mask:
                    key: ${KEY}
                    ratio: 1
                    every: 2s
                    anything: { list: [1, 2.5, true, ~, "3", "${KEY}"], n: { m: x } }
                    nested: { level: 3 }
                    rename: { a: b }
            """
        let options = try #require(load(text, ["KEY": "longenough"]).configuration).routes[0].options
        #expect(options["key"] == .string("longenough"))
        #expect(options["ratio"] == .number(1))
        #expect(options["deep"] == .bool(false))
        #expect(options["every"] == .integer(2000))
        #expect(options["nested"] == .map(["level": .integer(3)]))
        #expect(options["rename"] == .map(["a": .string("b")]))
        let list: [ConfigValue] = [.integer(1), .number(2.5), .bool(true), .null, .string("3"), .string("longenough")]
        #expect(options["anything"] == .map(["list": .list(list), "n": .map(["m": .string("x")])]))
    }

    @Test("remembers where each setting comes from")
    func origins() throws {
        let text = minimal("server: { port: 81 }\n").replacing("transform: token", with: "transform: { aggregate: { windows: [5min] } }")
        let origins = load(text, ["MAX_CLIENTS": "5"]).origins
        func origin(_ path: String) -> ResolvedSetting? { origins.first { $0.path == path } }
        func place(_ line: Int, _ column: Int) -> ValueOrigin {
            .file(SourcePosition(file: "routes.yaml", line: line, column: column))
        }
        #expect(origin("server.host") == ResolvedSetting(path: "server.host", value: .string("0.0.0.0"), origin: .defaultValue))
        #expect(origin("server.port") == ResolvedSetting(path: "server.port", value: .integer(81), origin: place(2, 17)))
        #expect(origin("server.max_clients")?.origin == .environment("MAX_CLIENTS"))
        #expect(origin("kafka.brokers")?.value == .list([.string("localhost:9092")]))
        #expect(origin("routes[0].transform")?.value == .string("aggregate"))
        #expect(origin("routes[0].transform.aggregate.windows")?.origin == place(5, 40))
        #expect(Set(origins.map(\.path)).count == origins.count)
    }

    @Test("lists what routes, clusters and channels inherit, with where it comes from")
    func inheritedOrigins() throws {
        let text = """
            version: 1
            admin: { port: 82 }
            reload: { watch: false }
            kafka: { group: g, clusters: { audit: { brokers: 'a:1', batch_size: 3 } } }
            defaults: { on_error: dead_letter, dead_letter: d, channel_idle: 2s }
            channels: { c: { description: C } }
            routes:
              - { topic: a, cluster: audit, channels: [c, '{x}'], transform: [token, { pick: [x] }, { aggregate: { windows: 5min } }] }
              - { topic: b, channel: c, transform: token, on_error: skip, max_channels: 4, enabled: false }
            """
        let origins = load(text).origins
        func place(_ line: Int, _ column: Int) -> ValueOrigin {
            .file(SourcePosition(file: "routes.yaml", line: line, column: column))
        }
        func check(_ path: String, _ value: ConfigValue, _ origin: ValueOrigin, _ location: SourceLocation = #_sourceLocation) {
            let found = origins.filter { $0.path == path }
            #expect(found == [ResolvedSetting(path: path, value: value, origin: origin)], sourceLocation: location)
        }
        check("admin.enabled", .bool(true), .defaultValue)
        check("admin.port", .integer(82), place(2, 16))
        check("reload.watch", .bool(false), place(3, 18))
        check("kafka.clusters.audit.group", .string("g"), place(4, 17))
        check("kafka.clusters.audit.batch_size", .integer(3), place(4, 69))
        check("kafka.clusters.audit.max_record", .integer(1 << 20), .defaultValue)
        check("defaults.max_channels", .integer(10_000), .defaultValue)
        check("channels.c.buffer", .integer(100), .defaultValue)
        check("routes[0].enabled", .bool(true), .defaultValue)
        check("routes[0].topic", .list([.string("a")]), place(8, 14))
        check("routes[0].transform[0]", .string("token"), place(8, 67))
        check("routes[0].transform[1]", .string("pick"), place(8, 76))
        check("routes[0].transform[1].pick.fields", .list([.string("x")]), place(8, 82))
        check("routes[0].transform[1].pick.missing", .string("skip"), .defaultValue)
        check("routes[0].transform[2].aggregate.windows", .list([.string("5min")]), place(8, 113))
        check("routes[0].on_error", .string("dead_letter"), place(5, 23))
        check("routes[0].dead_letter", .string("d"), place(5, 49))
        check("routes[0].max_channels", .integer(10_000), .defaultValue)
        check("routes[0].channel_idle", .integer(2000), place(5, 66))
        check("routes[1].on_error", .string("skip"), place(9, 57))
        check("routes[1].max_channels", .integer(4), place(9, 77))
        #expect(!origins.contains { ["routes[1].dead_letter", "routes[1].channel_idle"].contains($0.path) })
        #expect(Set(origins.map(\.path)).count == origins.count)
    }

    @Test("is read from a file, with or without the byte order mark")
    func file() throws {
        for mark in ["", "\u{FEFF}"] {
            let file = try TemporaryPath.make(Array((mark + Self.full).utf8))
            let result = ConfigurationLoader.load(path: file.path, environment: [:], transformers: fakes)
            #expect(result.configuration?.routes.first?.position == SourcePosition(file: file.path, line: 29, column: 5))
        }
    }

    @Test("is declared with words, examples and ranges for every key")
    func declarations() {
        func check(_ fields: [Field], _ path: String) {
            #expect(Set(fields.map(\.name)).count == fields.count)
            for field in fields {
                let name = "\(path)\(field.name)"
                #expect(field.documentation.hasSuffix("."), "\(name) has a sentence")
                switch field.kind {
                case .object(let inner):
                    check(inner, name + ".")
                    continue
                case .list(.object(let inner), _), .dictionary(.object(let inner)): check(inner, name + ".")
                default: break
                }
                #expect(field.example?.hasPrefix("\(field.name): ") == true, "\(name) has an example")
                #expect(!(field.isRequired && field.defaultValue != nil), "\(name) is required or has a default")
            }
        }
        check(ConfigFields.root, "")
    }

    /// A line about one key, with the lines that a route needs besides it.
    private func route(around line: String) -> String {
        let key = String(line.prefix { $0 != ":" })
        var lines = [line]
        if key != "name" { lines.append("name: other") }
        if !["topic", "topics"].contains(key) { lines.append("topic: a") }
        if key != "transform" { lines.append("transform: token") }
        if !["channel", "channels"].contains(key) { lines.append("channel: c") }
        if key == "on_error" { lines.append("dead_letter: dead") }
        if key == "dead_letter" { lines.append("on_error: dead_letter") }
        return "  - " + lines.joined(separator: "\n    ") + "\n"
    }

    /// A line about one key, with the lines that a test needs besides it.
    private func test(around line: String) -> String {
        let key = String(line.prefix { $0 != ":" })
        var lines = [line]
        if key != "input" { lines.append("input: 1") }
        if !["expect", "error"].contains(key) { lines.append("expect: []") }
        if key != "topic" { lines.append("topic: metrics.api") }
        return "  - topics: ^metrics\\..*\n    transform: token\n    channel: c\n    tests:\n      - "
            + lines.joined(separator: "\n        ") + "\n"
    }

    @Test("is what the examples of the keys give")
    func examples() throws {
        func section(_ name: String, _ fields: [Field]) -> String {
            "\(name):\n" + fields.compactMap { $0.example.map { "  \($0)\n" } }.joined()
        }
        let text =
            section("server", ServerSettings.section.fields) + section("admin", AdminSettings.section.fields)
            + section("reload", ReloadSettings.section.fields) + section("kafka", KafkaSettings.fields)
            + section("defaults", Defaults.fields) + "channels:\n  c:\n"
            + ChannelSettings.fields.compactMap { $0.example.map { "    \($0)\n" } }.joined()
        #expect(load(minimal(text)).diagnostics == [])

        let start = minimal(
            "kafka:\n  clusters:\n    audit:\n" + KafkaSettings.cluster.fields.compactMap { $0.example.map { "      \($0)\n" } }.joined())
        for line in RouteSettings.fields.compactMap(\.example) {
            #expect(load(start + route(around: line)).diagnostics == [], "\(line)")
        }
        for line in RouteTest.fields.compactMap(\.example) {
            let result = load(start + test(around: line))
            #expect(result.diagnostics == [], "\(line)")
            #expect(result.configuration?.routes.last?.tests.count == 1, "\(line)")
        }
        let envelope = ExpectedEnvelope.fields.compactMap(\.example).joined(separator: ", ")
        #expect(load(start + test(around: "expect: [{ \(envelope) }]")).diagnostics == [])
    }
}
