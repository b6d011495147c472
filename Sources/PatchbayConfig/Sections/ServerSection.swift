import PatchbayAPI
import PatchbaySettings

extension ServerSettings: SectionSettings {
    /// `server`.
    package static let section = Section<ServerSettings>("server") {
        Setting(
            "host", \.host, .string(), rule: NameRules.host, environment: "HOST",
            documentation: "Address to listen on. `0.0.0.0` is every IPv4 address of the machine, `::` every address.",
            example: "host: 127.0.0.1")
        Setting(
            "port", \.port, .integer(1...65535), zero: "any free port", environment: "PORT",
            documentation: "TCP port to listen on, for WebSocket clients and the HTTP endpoints alike.",
            example: "port: 8080")
        Setting(
            "max_clients", \.maxClients, .integer(1...1_000_000), unit: "clients", environment: "MAX_CLIENTS",
            documentation: "Clients that may be connected at the same time. One more is answered with HTTP status 503.",
            example: "max_clients: 1000")
        Setting(
            "read_buffer", \.readBuffer, .size(bytes: 128...(1 << 20)), unit: "bytes",
            environment: "WS_READ_BUFFER_SIZE",
            documentation: """
                Bytes read from a client's socket at a time. The buffer is held only while they are looked at.
                """,
            example: "read_buffer: 1024")
        Setting(
            "write_buffer", \.writeBuffer, .size(bytes: 128...(16 << 20)), unit: "bytes",
            environment: "WS_WRITE_BUFFER_SIZE",
            documentation: """
                Bytes that may wait in the server for a client's socket, beyond the kernel's buffer, before the client \
                counts as slow and is sent nothing more until it has caught up.
                """,
            example: "write_buffer: 64KiB")
        Setting(
            "send_buffer", \.sendBuffer, .size(bytes: (4 << 10)...(16 << 20)), unit: "bytes",
            zero: "the kernel decides", environment: "SEND_BUFFER",
            documentation: """
                Bytes that may wait in the kernel for a client that doesn't read (`SO_SNDBUF`, at most \
                `net.core.wmem_max`). The kernel allows twice that. A client gets up to this much at its own pace, \
                whatever `buffer` says. A larger value means older messages after a stall, a smaller one less throughput \
                over long distances.
                """,
            example: "send_buffer: 128KiB")
        Setting(
            "max_message", \.maxMessage, .size(bytes: 128...(16 << 20)), unit: "bytes",
            environment: "MAX_MESSAGE_SIZE",
            documentation: "Largest message a client may send. A larger one closes its connection with code 1009.",
            example: "max_message: 64KiB")
        Setting(
            "max_frame", \.maxFrame, .size(bytes: 128...(16 << 20)), unit: "bytes", zero: "as large as messages",
            environment: "MAX_FRAME_SIZE",
            documentation: "Largest frame of a client's message. A larger one closes its connection with code 1009.",
            example: "max_frame: 16KiB")
        Setting(
            "handshake_timeout", \.handshakeTimeout, .duration(milliseconds: 100...300_000),
            environment: "HANDSHAKE_TIMEOUT",
            documentation: "Time a new connection has to complete its handshake before it is closed.",
            example: "handshake_timeout: 10s")
        Setting(
            "ping_interval", \.pingInterval, .duration(milliseconds: 1000...3_600_000),
            environment: "PING_INTERVAL",
            documentation: "Time between WebSocket pings to a client. One that is silent for two intervals is closed.",
            example: "ping_interval: 30s")
        Setting(
            "idle_timeout", \.idleTimeout, .duration(milliseconds: 1000...86_400_000), zero: "never",
            environment: "IDLE_TIMEOUT",
            documentation: """
                A client that is subscribed to nothing and makes no request for this long is closed with code 4001.
                """,
            example: "idle_timeout: 10m")
        Setting(
            "http_idle_timeout", \.httpIdleTimeout, .duration(milliseconds: 1000...3_600_000),
            environment: "HTTP_IDLE_TIMEOUT",
            documentation: "Time an HTTP connection has for its next complete request, and for reading the answer.",
            example: "http_idle_timeout: 60s")
        Setting(
            "drain_delay", \.drainDelay, .duration(milliseconds: 0...300_000), environment: "DRAIN_DELAY",
            documentation: """
                Time at shutdown between `/health/ready` starting to fail and the port closing, so that load balancers \
                notice. It comes on top of the 10s that a shutdown may take.
                """,
            example: "drain_delay: 5s")
        Setting(
            "drain_timeout", \.drainTimeout, .duration(milliseconds: 0...9000), environment: "DRAIN_TIMEOUT",
            documentation: """
                Time that clients have at shutdown to receive what is already on its way. A client that doesn't read for half \
                of this time is told how many messages it misses. At most 9s, so that the process ends within 10s, before most \
                supervisors kill it.
                """,
            example: "drain_timeout: 5s")
        Setting(
            "reconnect_earliest", \.reconnectEarliest, .duration(milliseconds: 0...600_000),
            environment: "RECONNECT_EARLIEST",
            documentation: "At shutdown, clients are told to reconnect no earlier than this.",
            example: "reconnect_earliest: 1s")
        Setting(
            "reconnect_latest", \.reconnectLatest, .duration(milliseconds: 0...600_000),
            environment: "RECONNECT_LATEST",
            documentation: """
                At shutdown, clients are told to reconnect no later than this; their reconnects are spread over the time between.
                """,
            example: "reconnect_latest: 30s")
        Setting(
            "liveness_threshold", \.livenessThreshold, .duration(milliseconds: 2000...60_000), zero: "not checked",
            environment: "LIVENESS_THRESHOLD",
            documentation: "A thread that makes no progress for this long makes `/health/live` fail.",
            example: "liveness_threshold: 8s")
        Setting(
            "event_loops", \.eventLoops, .integer(1...64), unit: "threads", zero: "automatic",
            environment: "EVENT_LOOPS",
            documentation: "Threads that serve connections.",
            example: "event_loops: 2")
        Setting(
            "allowed_origins", \.allowedOrigins, .list(.string(), minimumCount: 1), rule: NameRules.origin,
            environment: "ALLOWED_ORIGINS",
            documentation: """
                Web pages that may connect, as origins (`scheme://host` with `:port` unless it is the scheme's default). \
                `*` is every page. A page from any other origin is answered with HTTP status 403; clients that aren't \
                browsers send no origin and are not affected. `https://*.example.com` is every host below `example.com`, \
                `http://localhost:*` every port; one origin may have both.
                """,
            example: "allowed_origins: [\"https://example.com\"]")
        Setting(
            "cors_origins", \.corsOrigins, .list(.string()), rule: NameRules.origin, environment: "CORS_ORIGINS",
            documentation: "Web pages whose scripts may read the answers of the HTTP endpoints; written like `allowed_origins`.",
            example: "cors_origins: [\"https://status.example.com\"]")
        Setting(
            "base_path", \.basePath, .string(), rule: NameRules.basePath, default: .string("/"), environment: "BASE_PATH",
            documentation: """
                Path under which a proxy serves everything, such as `/patchbay`; redirects and the documents contain it. \
                Requests are accepted with and without it, so it must not begin like one of the server's own paths, such \
                as `/ws`.
                """,
            example: "base_path: /patchbay")
        Setting(
            "trusted_proxies", \.trustedProxies, .list(.string()), rule: NameRules.network, environment: "TRUSTED_PROXIES",
            documentation: """
                Networks of proxies, as addresses or in the form `10.0.0.0/8`. In their requests, `X-Forwarded-Prefix` \
                takes the place of `base_path`, and `X-Forwarded-For` gives the client's address for the log and \
                `/health`. From other senders both headers are ignored.
                """,
            example: "trusted_proxies: [10.0.0.0/8, \"fd00::/8\"]")
    } check: { object, settings, reading in
        if settings.basePath == "/" { settings.basePath = "" }
        return checkReconnects(object, settings, reading.findings)
    }

    private static func checkReconnects(_ object: DecodedObject, _ settings: ServerSettings, _ findings: Findings) -> Bool {
        let (earliest, latest) = (section.field(\.reconnectEarliest), section.field(\.reconnectLatest))
        let isSecret = object.hides(earliest, latest)
        guard settings.reconnectEarliest > settings.reconnectLatest, findings.mayCompare(secret: isSecret) else { return true }
        let sources = [object[earliest]?.source, object[latest]?.source]
        let variable = sources.lazy.compactMap { $0?.variable }.first
        let early = sources[0]?.variable ?? "`\(earliest)`"
        let late = sources[1]?.variable ?? "`\(latest)`"
        findings.add(
            "\(early) is later than \(late)\(isSecret ? "" : " (\(settings.reconnectLatest))")",
            at: variable == nil ? sources.lazy.compactMap { $0?.position }.first : nil, hint: "raise \(late), or lower \(early)",
            variable: variable)
        return false
    }
}
