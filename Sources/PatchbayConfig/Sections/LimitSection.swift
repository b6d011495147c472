import PatchbayAPI
import PatchbaySettings

extension LimitSettings: SectionSettings {
    /// `limits`.
    package static let section = Section<LimitSettings>("limits") {
        Setting(
            "requests_per_second", \.requestsPerSecond, .integer(1...100_000), unit: "requests", zero: "no limit",
            environment: "REQUESTS_PER_SECOND",
            documentation: """
                Requests per second that a client may make on average. More are refused with `rate_limited`, and a client \
                that keeps exceeding the limit is closed with 1008.
                """,
            example: "requests_per_second: 100")
        Setting(
            "request_burst", \.requestBurst, .integer(1...1_000_000), unit: "requests", environment: "REQUEST_BURST",
            documentation: """
                Requests that a client may make in a burst after a pause. Keep it above the number of channels that a client \
                subscribes to when it connects.
                """,
            example: "request_burst: 2000")
        Setting(
            "control_frames_per_second", \.controlFramesPerSecond, .integer(1...100_000), unit: "frames", zero: "no limit",
            environment: "CONTROL_FRAMES_PER_SECOND",
            documentation: """
                WebSocket pings, pongs and empty fragments per second that a client may send on average. More are ignored, \
                and a client that keeps exceeding the limit is closed with 1008.
                """,
            example: "control_frames_per_second: 50")
        Setting(
            "control_frame_burst", \.controlFrameBurst, .integer(1...1_000_000), unit: "frames",
            environment: "CONTROL_FRAME_BURST",
            documentation: "Pings, pongs and empty fragments that a client may send in a burst after a pause.",
            example: "control_frame_burst: 100")
        Setting(
            "subscriptions", \.subscriptions, .integer(1...1_000_000), unit: "channels", zero: "no limit",
            environment: "MAX_SUBSCRIPTIONS",
            documentation: "Channels one connection may be subscribed to. One more is refused with `too_many_subscriptions`.",
            example: "subscriptions: 1000")
        Setting(
            "awaited_channels", \.awaitedChannels, .integer(0...10_000_000), unit: "channels",
            environment: "MAX_AWAITED_CHANNELS",
            documentation: """
                Template channels that all clients together may be subscribed to before a record has made them. They don't \
                count towards `max_channels`, which limits the channels that records make, and they are removed with their \
                last subscriber. One more is refused with `too_many_channels`.
                """,
            example: "awaited_channels: 100000")
        Setting(
            "awaited_channels_per_connection", \.awaitedChannelsPerConnection, .integer(0...1_000_000), unit: "channels",
            environment: "MAX_AWAITED_CHANNELS_PER_CONNECTION",
            documentation: "The same for one connection.",
            example: "awaited_channels_per_connection: 1000")
        Setting(
            "connections_per_address", \.connectionsPerAddress, .integer(1...1_000_000), unit: "connections", zero: "no limit",
            environment: "MAX_CONNECTIONS_PER_ADDRESS",
            documentation: """
                Connections of any kind from one address at a time; IPv6 addresses are counted by their /64. More are \
                answered with HTTP status 429. The address is that of the socket's peer, so leave this limit off behind a proxy.
                """,
            example: "connections_per_address: 100")
        Setting(
            "http_connections", \.httpConnections, .integer(1...1_000_000), unit: "connections", zero: "no limit",
            environment: "MAX_HTTP_CONNECTIONS",
            documentation: "Connections kept open for HTTP requests. More are answered with HTTP status 503.",
            example: "http_connections: 1000")
        Setting(
            "pending_handshakes", \.pendingHandshakes, .integer(1...1_000_000), unit: "connections", zero: "no limit",
            environment: "MAX_PENDING_HANDSHAKES",
            documentation: """
                Connections that have not yet sent a complete first request. At the limit the oldest of them are closed. While \
                all of them are younger than half a second, accepting pauses and new connections wait in the kernel.
                """,
            example: "pending_handshakes: 1000")
        Setting(
            "max_headers", \.maxHeaders, .size(bytes: 1024...(1 << 20)), unit: "bytes",
            environment: "MAX_HEADERS",
            documentation: "Total size of the headers of one request. Larger ones are answered with HTTP status 431.",
            example: "max_headers: 16KiB")
    }
}
