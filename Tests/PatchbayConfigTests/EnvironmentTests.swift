import PatchbayAPI
import PatchbayConfig
import PatchbaySettings
import Testing

@Suite("Environment variables")
struct EnvironmentTests {
    /// One setting that a variable overrides, given in every way.
    struct Setting: CustomTestStringConvertible, Sendable {
        let variable: String
        /// What the file says, in its section.
        let file: String
        let path: String
        let read: @Sendable (RouterConfiguration) -> String
        let byDefault: String
        let fromFile: String
        let fromEnvironment: (text: String, value: String)
        /// A value out of range, or of the wrong kind where there is no range, and what is said about it.
        let bad: (text: String, message: String)

        var testDescription: String { variable }
    }

    static let legacy: [Setting] = [
        Setting(
            variable: "PORT", file: "server: { port: 81 }", path: "server.port", read: { "\($0.server.port)" }, byDefault: "8080",
            fromFile: "81", fromEnvironment: ("82", "82"),
            bad: ("99999", "PORT=99999: must be between 1 and 65535, or 0 (any free port)")),
        Setting(
            variable: "WS_READ_BUFFER_SIZE", file: "server: { read_buffer: 2KiB }", path: "server.read_buffer",
            read: { "\($0.server.readBuffer)" }, byDefault: "1024", fromFile: "2048", fromEnvironment: ("4096", "4096"),
            bad: ("127", "WS_READ_BUFFER_SIZE=127: must be between 128 bytes and 1MiB")),
        Setting(
            variable: "WS_WRITE_BUFFER_SIZE", file: "server: { write_buffer: 2KiB }", path: "server.write_buffer",
            read: { "\($0.server.writeBuffer)" }, byDefault: "1024", fromFile: "2048", fromEnvironment: ("1MiB", "1048576"),
            bad: ("17MiB", "WS_WRITE_BUFFER_SIZE=17MiB: must be between 128 bytes and 16MiB")),
        Setting(
            variable: "SEND_BUFFER", file: "server: { send_buffer: 8KiB }", path: "server.send_buffer",
            read: { "\($0.server.sendBuffer)" }, byDefault: "262144", fromFile: "8192", fromEnvironment: ("1MiB", "1048576"),
            bad: ("1KiB", "SEND_BUFFER=1KiB: must be between 4KiB and 16MiB, or 0 (the kernel decides)")),
        Setting(
            variable: "KAFKA_BROKERS", file: "kafka: { brokers: ['f:1'] }", path: "kafka.brokers",
            read: { $0.kafka.brokers.joined(separator: " ") }, byDefault: "localhost:9092", fromFile: "f:1",
            fromEnvironment: ("a:1, b:2", "a:1 b:2"), bad: ("a:1,b", "KAFKA_BROKERS: item 2 must be `host:port`, found `b`")),
        Setting(
            variable: "KAFKA_CONSUMER_GROUP", file: "kafka: { group: f }", path: "kafka.group", read: { $0.kafka.group },
            byDefault: "backend-service", fromFile: "f", fromEnvironment: ("42", "42"),
            bad: (" ", "KAFKA_CONSUMER_GROUP= : must not be empty")),
        Setting(
            variable: "MAX_CLIENTS", file: "server: { max_clients: 5 }", path: "server.max_clients",
            read: { "\($0.server.maxClients)" }, byDefault: "1000", fromFile: "5", fromEnvironment: ("6", "6"),
            bad: ("0", "MAX_CLIENTS=0: must be between 1 and 1000000 clients")),
        Setting(
            variable: "MESSAGE_BUFFER_SIZE", file: "defaults: { buffer: 5 }", path: "defaults.buffer",
            read: { "\($0.channels[0].buffer)" }, byDefault: "100", fromFile: "5", fromEnvironment: ("6", "6"),
            bad: ("1000001", "MESSAGE_BUFFER_SIZE=1000001: must be between 1 and 1000000 messages")),
        Setting(
            variable: "KAFKA_BATCH_SIZE", file: "kafka: { batch_size: 5 }", path: "kafka.batch_size",
            read: { "\($0.kafka.batchSize)" }, byDefault: "100", fromFile: "5", fromEnvironment: ("6", "6"),
            bad: ("many", "KAFKA_BATCH_SIZE=many: must be a whole number between 1 and 10000 records")),
    ]

    static let others: [Setting] = [
        Setting(
            variable: "ADMIN_ENABLED", file: "admin: { enabled: false }", path: "admin.enabled", read: { "\($0.admin.isEnabled)" },
            byDefault: "true", fromFile: "false", fromEnvironment: (" true ", "true"),
            bad: ("yes", "ADMIN_ENABLED=yes: must be `true` or `false`")),
        Setting(
            variable: "ADMIN_HOST", file: "admin: { host: f }", path: "admin.host", read: { $0.admin.host }, byDefault: "127.0.0.1",
            fromFile: "f", fromEnvironment: ("::1", "::1"), bad: (" ", "ADMIN_HOST= : must not be empty")),
        Setting(
            variable: "ADMIN_PORT", file: "admin: { port: 81 }", path: "admin.port", read: { "\($0.admin.port)" }, byDefault: "8081",
            fromFile: "81", fromEnvironment: ("0", "0"),
            bad: ("65536", "ADMIN_PORT=65536: must be between 1 and 65535, or 0 (any free port)")),
        Setting(
            variable: "ADMIN_ALLOWED_HOSTS", file: "admin: { allowed_hosts: f }", path: "admin.allowed_hosts",
            read: { $0.admin.allowedHosts.joined(separator: " ") }, byDefault: "", fromFile: "f",
            fromEnvironment: ("a.b,*.c,*", "a.b *.c *"),
            bad: ("a:1", "ADMIN_ALLOWED_HOSTS: item 1 must be a host name, such as `patchbay.internal`, `*.internal` or `*`, found `a:1`")),
        Setting(
            variable: "RELOAD_WATCH", file: "reload: { watch: false }", path: "reload.watch", read: { "\($0.reload.watchesFiles)" },
            byDefault: "true", fromFile: "false", fromEnvironment: ("false", "false"),
            bad: ("1", "RELOAD_WATCH=1: must be `true` or `false`")),
        Setting(
            variable: "HOST", file: "server: { host: f }", path: "server.host", read: { $0.server.host }, byDefault: "0.0.0.0",
            fromFile: "f", fromEnvironment: ("::1", "::1"), bad: ("\t", "HOST=\\t: must not be empty")),
        Setting(
            variable: "MAX_MESSAGE_SIZE", file: "server: { max_message: 128 }", path: "server.max_message",
            read: { "\($0.server.maxMessage)" }, byDefault: "65536", fromFile: "128", fromEnvironment: ("1KB", "1000"),
            bad: ("1", "MAX_MESSAGE_SIZE=1: must be between 128 bytes and 16MiB")),
        Setting(
            variable: "HANDSHAKE_TIMEOUT", file: "server: { handshake_timeout: 1s }", path: "server.handshake_timeout",
            read: { "\($0.server.handshakeTimeout)" }, byDefault: "10.0 seconds", fromFile: "1.0 seconds",
            fromEnvironment: ("500ms", "0.5 seconds"), bad: ("99ms", "HANDSHAKE_TIMEOUT=99ms: must be between 100ms and 5m")),
        Setting(
            variable: "PING_INTERVAL", file: "server: { ping_interval: 1m }", path: "server.ping_interval",
            read: { "\($0.server.pingInterval)" }, byDefault: "30.0 seconds", fromFile: "60.0 seconds",
            fromEnvironment: ("2s", "2.0 seconds"), bad: ("30", "PING_INTERVAL=30: must be a time span such as `30s` between 1s and 1h")),
        Setting(
            variable: "DRAIN_TIMEOUT", file: "server: { drain_timeout: 0s }", path: "server.drain_timeout",
            read: { "\($0.server.drainTimeout)" }, byDefault: "5.0 seconds", fromFile: "0.0 seconds",
            fromEnvironment: ("9s", "9.0 seconds"), bad: ("10s", "DRAIN_TIMEOUT=10s: must be between 0s and 9s")),
        Setting(
            variable: "EVENT_LOOPS", file: "server: { event_loops: 64 }", path: "server.event_loops",
            read: { "\($0.server.eventLoops)" }, byDefault: "0", fromFile: "64", fromEnvironment: ("1", "1"),
            bad: ("65", "EVENT_LOOPS=65: must be between 1 and 64 threads, or 0 (automatic)")),
        Setting(
            variable: "ALLOWED_ORIGINS", file: "server: { allowed_origins: 'https://f' }", path: "server.allowed_origins",
            read: { $0.server.allowedOrigins.joined(separator: " ") }, byDefault: "*", fromFile: "https://f",
            fromEnvironment: ("https://a,https://b:1", "https://a https://b:1"),
            bad: ("*,", "ALLOWED_ORIGINS: item 2 must not be empty")),
        Setting(
            variable: "BASE_PATH", file: "server: { base_path: /f }", path: "server.base_path", read: { $0.server.basePath },
            byDefault: "", fromFile: "/f", fromEnvironment: ("/a/b-c", "/a/b-c"),
            bad: ("/a/", "BASE_PATH=/a/: must be a path such as `/patchbay`")),
        Setting(
            variable: "TRUSTED_PROXIES", file: "server: { trusted_proxies: 10.0.0.1 }", path: "server.trusted_proxies",
            read: { $0.server.trustedProxies.joined(separator: " ") }, byDefault: "", fromFile: "10.0.0.1",
            fromEnvironment: ("10.0.0.0/8, fd00::/8", "10.0.0.0/8 fd00::/8"),
            bad: (
                "10.0.0.0/33",
                "TRUSTED_PROXIES: item 1 must be an address or a network such as `10.0.0.0/8` or `fd00::/8`, found `10.0.0.0/33`"
            )),
        Setting(
            variable: "MAX_RECORD_SIZE", file: "kafka: { max_record: 1KiB }", path: "kafka.max_record",
            read: { "\($0.kafka.maxRecord)" }, byDefault: "1048576", fromFile: "1024", fromEnvironment: ("100MiB", "104857600"),
            bad: ("101MiB", "MAX_RECORD_SIZE=101MiB: must be between 1KiB and 100MiB")),
        Setting(
            variable: "REQUESTS_PER_SECOND", file: "limits: { requests_per_second: 7 }", path: "limits.requests_per_second",
            read: { "\($0.limits.requestsPerSecond)" }, byDefault: "100", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("100001", "REQUESTS_PER_SECOND=100001: must be between 1 and 100000 requests, or 0 (no limit)")),
        Setting(
            variable: "REQUEST_BURST", file: "limits: { request_burst: 7 }", path: "limits.request_burst",
            read: { "\($0.limits.requestBurst)" }, byDefault: "2000", fromFile: "7",
            fromEnvironment: ("9", "9"), bad: ("1000001", "REQUEST_BURST=1000001: must be between 1 and 1000000 requests")),
        Setting(
            variable: "CONTROL_FRAMES_PER_SECOND", file: "limits: { control_frames_per_second: 7 }",
            path: "limits.control_frames_per_second", read: { "\($0.limits.controlFramesPerSecond)" }, byDefault: "50", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("100001", "CONTROL_FRAMES_PER_SECOND=100001: must be between 1 and 100000 frames, or 0 (no limit)")),
        Setting(
            variable: "CONTROL_FRAME_BURST", file: "limits: { control_frame_burst: 7 }", path: "limits.control_frame_burst",
            read: { "\($0.limits.controlFrameBurst)" }, byDefault: "100", fromFile: "7",
            fromEnvironment: ("9", "9"), bad: ("1000001", "CONTROL_FRAME_BURST=1000001: must be between 1 and 1000000 frames")),
        Setting(
            variable: "MAX_SUBSCRIPTIONS", file: "limits: { subscriptions: 7 }", path: "limits.subscriptions",
            read: { "\($0.limits.subscriptions)" }, byDefault: "1000", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("1000001", "MAX_SUBSCRIPTIONS=1000001: must be between 1 and 1000000 channels, or 0 (no limit)")),
        Setting(
            variable: "MAX_AWAITED_CHANNELS", file: "limits: { awaited_channels: 7 }", path: "limits.awaited_channels",
            read: { "\($0.limits.awaitedChannels)" }, byDefault: "100000", fromFile: "7",
            fromEnvironment: ("0", "0"), bad: ("10000001", "MAX_AWAITED_CHANNELS=10000001: must be between 0 and 10000000 channels")),
        Setting(
            variable: "MAX_AWAITED_CHANNELS_PER_CONNECTION", file: "limits: { awaited_channels_per_connection: 7 }",
            path: "limits.awaited_channels_per_connection", read: { "\($0.limits.awaitedChannelsPerConnection)" }, byDefault: "1000",
            fromFile: "7",
            fromEnvironment: ("0", "0"),
            bad: ("1000001", "MAX_AWAITED_CHANNELS_PER_CONNECTION=1000001: must be between 0 and 1000000 channels")),
        Setting(
            variable: "MAX_CONNECTIONS_PER_ADDRESS", file: "limits: { connections_per_address: 7 }", path: "limits.connections_per_address",
            read: { "\($0.limits.connectionsPerAddress)" }, byDefault: "0", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("1000001", "MAX_CONNECTIONS_PER_ADDRESS=1000001: must be between 1 and 1000000 connections, or 0 (no limit)")),
        Setting(
            variable: "MAX_HTTP_CONNECTIONS", file: "limits: { http_connections: 7 }", path: "limits.http_connections",
            read: { "\($0.limits.httpConnections)" }, byDefault: "1000", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("1000001", "MAX_HTTP_CONNECTIONS=1000001: must be between 1 and 1000000 connections, or 0 (no limit)")),
        Setting(
            variable: "MAX_PENDING_HANDSHAKES", file: "limits: { pending_handshakes: 7 }", path: "limits.pending_handshakes",
            read: { "\($0.limits.pendingHandshakes)" }, byDefault: "1000", fromFile: "7",
            fromEnvironment: ("9", "9"),
            bad: ("1000001", "MAX_PENDING_HANDSHAKES=1000001: must be between 1 and 1000000 connections, or 0 (no limit)")),
        Setting(
            variable: "MAX_HEADERS", file: "limits: { max_headers: 1KiB }", path: "limits.max_headers", read: { "\($0.limits.maxHeaders)" },
            byDefault: "16384", fromFile: "1024",
            fromEnvironment: ("2KiB", "2048"), bad: ("1", "MAX_HEADERS=1: must be between 1KiB and 1MiB")),
        Setting(
            variable: "MAX_FRAME_SIZE", file: "server: { max_frame: 1KiB }", path: "server.max_frame", read: { "\($0.server.maxFrame)" },
            byDefault: "0", fromFile: "1024",
            fromEnvironment: ("2KiB", "2048"),
            bad: ("1", "MAX_FRAME_SIZE=1: must be between 128 bytes and 16MiB, or 0 (as large as messages)")),
        Setting(
            variable: "IDLE_TIMEOUT", file: "server: { idle_timeout: 4s }", path: "server.idle_timeout",
            read: { "\($0.server.idleTimeout)" }, byDefault: "0.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("500ms", "IDLE_TIMEOUT=500ms: must be between 1s and 24h, or 0 (never)")),
        Setting(
            variable: "HTTP_IDLE_TIMEOUT", file: "server: { http_idle_timeout: 4s }", path: "server.http_idle_timeout",
            read: { "\($0.server.httpIdleTimeout)" }, byDefault: "60.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("500ms", "HTTP_IDLE_TIMEOUT=500ms: must be between 1s and 1h")),
        Setting(
            variable: "DRAIN_DELAY", file: "server: { drain_delay: 4s }", path: "server.drain_delay", read: { "\($0.server.drainDelay)" },
            byDefault: "0.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("6m", "DRAIN_DELAY=6m: must be between 0s and 5m")),
        Setting(
            variable: "RECONNECT_EARLIEST", file: "server: { reconnect_earliest: 4s }", path: "server.reconnect_earliest",
            read: { "\($0.server.reconnectEarliest)" }, byDefault: "1.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("11m", "RECONNECT_EARLIEST=11m: must be between 0s and 10m")),
        Setting(
            variable: "RECONNECT_LATEST", file: "server: { reconnect_latest: 4s }", path: "server.reconnect_latest",
            read: { "\($0.server.reconnectLatest)" }, byDefault: "5.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("11m", "RECONNECT_LATEST=11m: must be between 0s and 10m")),
        Setting(
            variable: "DEAD_LETTER_TIMEOUT", file: "kafka: { dead_letter_timeout: 4s }", path: "kafka.dead_letter_timeout",
            read: { "\($0.kafka.deadLetterTimeout)" }, byDefault: "300000", fromFile: "4000",
            fromEnvironment: ("3s", "3000"),
            bad: ("999ms", "DEAD_LETTER_TIMEOUT=999ms: must be between 1s and 24h, or 0 (as long as it takes)")),
        Setting(
            variable: "LIVENESS_THRESHOLD", file: "server: { liveness_threshold: 4s }", path: "server.liveness_threshold",
            read: { "\($0.server.livenessThreshold)" }, byDefault: "8.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("1s", "LIVENESS_THRESHOLD=1s: must be between 2s and 1m, or 0 (not checked)")),
        Setting(
            variable: "ALERT_FOR", file: "alerts: { for: 4s }", path: "alerts.for", read: { "\($0.alerts.lagFor)" },
            byDefault: "5.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("25h", "ALERT_FOR=25h: must be between 0s and 24h")),
        Setting(
            variable: "ALERT_SETTLING", file: "alerts: { settling: 4s }", path: "alerts.settling", read: { "\($0.alerts.settling)" },
            byDefault: "30.0 seconds", fromFile: "4.0 seconds",
            fromEnvironment: ("3s", "3.0 seconds"), bad: ("2h", "ALERT_SETTLING=2h: must be between 0s and 1h")),
        Setting(
            variable: "ALERT_PARTIAL_ASSIGNMENT", file: "alerts: { partial_assignment: false }", path: "alerts.partial_assignment",
            read: { "\($0.alerts.watchesAssignment)" }, byDefault: "true", fromFile: "false",
            fromEnvironment: ("false", "false"), bad: ("1", "ALERT_PARTIAL_ASSIGNMENT=1: must be `true` or `false`")),
        Setting(
            variable: "CORS_ORIGINS", file: "server: { cors_origins: 'https://f' }", path: "server.cors_origins",
            read: { $0.server.corsOrigins.joined(separator: " ") }, byDefault: "", fromFile: "https://f",
            fromEnvironment: ("https://a,https://*.b", "https://a https://*.b"),
            bad: ("*,", "CORS_ORIGINS: item 2 must not be empty")),
    ]

    /// Variables of settings that have no default.
    static let optional = ["KAFKA_LAG_THRESHOLD", "NODE_NAME", "ALERT_WEBHOOK_URL"]

    @Test("the environment wins over the file, the file over the default", arguments: legacy + others)
    func precedence(_ setting: Setting) throws {
        let given = [setting.variable: setting.fromEnvironment.text]
        let file = minimal(setting.file + "\n")

        func check(_ result: LoadResult, _ value: String, _ origin: ValueOrigin) throws {
            #expect(result.diagnostics == [])
            #expect(try setting.read(#require(result.configuration)) == value)
            #expect(result.origins.first { $0.path == setting.path }?.origin == origin)
        }
        let column = setting.file.count - setting.file.drop { $0 != "{" }.drop { $0 != ":" }.dropFirst(2).count + 1
        let place = SourcePosition(file: "routes.yaml", line: 2, column: column)
        try check(load(minimal()), setting.byDefault, .defaultValue)
        try check(load(file), setting.fromFile, .file(place))
        try check(load(minimal(), given), setting.fromEnvironment.value, .environment(setting.variable))
        try check(load(file, given), setting.fromEnvironment.value, .environment(setting.variable))
        // Compose files pass unset variables on as empty ones.
        try check(load(file, [setting.variable: ""]), setting.fromFile, .file(place))
    }

    @Test("a bad value is an error that names the variable", arguments: legacy + others)
    func bad(_ setting: Setting) {
        let found = load(minimal(setting.file + "\n"), [setting.variable: setting.bad.text])
        #expect(found.configuration == nil)
        #expect(found.diagnostics.map(\.message) == [setting.bad.message])
        #expect(found.diagnostics.map(\.position) == [nil])
        #expect(found.diagnostics.map(\.variable) == [setting.variable])
        #expect(DiagnosticRenderer.summary(found.diagnostics, file: "routes.yaml") == "1 error in the environment")
        // A line for the file is no help to somebody who sets a variable.
        let hint = found.diagnostics.first?.hint
        let key = setting.path.split(separator: ".").last ?? ""
        #expect(hint?.contains("`\(key): ") != true, "\(hint ?? "")")
    }

    @Test("the tables above know every variable")
    func complete() {
        func variables(_ fields: [Field]) -> [String] {
            fields.flatMap { field -> [String] in
                switch field.kind {
                case .object(let inner), .list(.object(let inner), _), .dictionary(.object(let inner)): variables(inner)
                default: field.environmentVariable.map { [$0] } ?? []
                }
            }
        }
        #expect(Set(variables(ConfigFields.root)) == Set((Self.legacy + Self.others).map(\.variable) + Self.optional))
    }

    @Test("a channel's own buffer stands against the default of the environment")
    func ownBuffer() throws {
        let text = minimal("channels: { c: { buffer: 7 } }\n")
        #expect(try #require(load(text, ["MESSAGE_BUFFER_SIZE": "9"]).configuration).channels[0].buffer == 7)
    }

    @Test("a wrong file is wrong even where the environment overrides it")
    func both() {
        #expect(
            findings(minimal("server: { port: x }\n"), ["PORT": "80"])
                == [Finding(2, 17, "`port` must be a whole number, found the text `x`", "for example `port: 8080`")])
    }

    /// `PORT=abc patchbay demo` ended with "1 error in routes.yaml" and "for example `port: 8080`": who looked into the file found
    /// nothing wrong. A variable is blamed by its own name, with what it may be, and hints show it as it is set.
    @Test(
        "a variable is blamed, and not the file",
        arguments: [
            ("PORT", "abc", "PORT=abc: must be a whole number between 1 and 65535, or 0 (any free port)", "for example `PORT=8080`"),
            ("MAX_RECORD_SIZE", "big", "MAX_RECORD_SIZE=big: must be a size such as `64KiB` between 1KiB and 100MiB", ""),
            (
                "KAFKA_BROKERS", "a:1 b:2", "KAFKA_BROKERS: item 1 must be `host:port`, found `a:1 b:2`",
                "`KAFKA_BROKERS=kafka1:9092,kafka2:9092`"
            ),
            ("HOST", "a:1", "HOST=a:1: must be a host name or an IP address, without a port", "write `HOST=a` and `port: 1`"),
            ("RECONNECT_EARLIEST", "1h", "RECONNECT_EARLIEST=1h: must be", ""),
            ("RECONNECT_EARLIEST", "5s", "RECONNECT_EARLIEST is later than `reconnect_latest`", "lower RECONNECT_EARLIEST"),
        ])
    func blame(_ variable: String, _ value: String, _ message: String, _ hint: String) {
        let found = load(minimal("server: { reconnect_latest: 2s }\n"), [variable: value]).diagnostics
        #expect(found.count == 1 && found.first?.message.hasPrefix(message) == true, "\(found)")
        #expect(hint.isEmpty || found.first?.hint?.contains(hint) == true, "\(found)")
        #expect(found.first?.variable == variable && found.first?.position == nil)
        #expect(DiagnosticRenderer.summary(found, file: "routes.yaml") == "1 error in the environment")
    }

    @Test("what works all the same is a warning about the variable")
    func warning() {
        let found = load(minimal(), ["ALLOWED_ORIGINS": "https://A.com"])
        #expect(found.configuration != nil)
        #expect(
            found.diagnostics.map(\.message) == [
                "ALLOWED_ORIGINS: `https://A.com` is not what browsers send: they write origins in lower case"
            ])
        #expect(DiagnosticRenderer.summary(found.diagnostics, file: "f") == "1 warning in the environment")
    }

    @Test("port 0 stands for any free port")
    func anyPort() throws {
        #expect(try #require(load(minimal(), ["PORT": " 0 "]).configuration).server.port == 0)
    }
}
