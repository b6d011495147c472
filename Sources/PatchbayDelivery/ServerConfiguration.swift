public import NIOCore

/// Settings of the listener and of its connections.
public struct ServerConfiguration: Sendable {
    public var host = "0.0.0.0"
    /// 0 takes any free port.
    public var port = 8080
    /// The path that clients upgrade; `nil` takes any.
    public var path: String? = "/ws"
    /// WebSocket connections at a time; more are refused with HTTP 503.
    public var maxClients = 1000
    /// Bytes read from a client's socket per read.
    public var readBufferBytes = 1024
    /// Bytes that may wait in the server for a client's socket before the client counts as slow.
    public var writeBufferBytes = 1024
    /// Bytes that may wait in the kernel for a client (`SO_SNDBUF`); the kernel allows itself twice that for what it adds
    /// to them. 0 leaves it to the kernel, which goes up to net.ipv4.tcp_wmem's third number, 4 MiB by default.
    public var sendBufferBytes = 256 << 10
    /// From the accepted connection to its complete request, whatever trickles in meanwhile.
    public var handshakeTimeout = TimeAmount.seconds(10)
    public var pingInterval = TimeAmount.seconds(30)

    // MARK: Limits

    /// Larger messages from clients close the connection with 1009.
    public var maximumMessageBytes = 64 << 10
    /// Larger frames, of which a message may have several, close the connection with 1009. 0: only messages are limited.
    public var maximumFrameBytes = 0
    /// Bytes of all headers of a request together; more are refused with HTTP 431. A browser sends one or two KB.
    public var maximumHeaderBytes = 16 << 10
    /// Requests per second that a WebSocket connection may make on average; more get the error `rate_limited`, and
    /// a client that keeps on is closed with 1008. 0 is no limit.
    public var requestsPerSecond = 100
    /// Requests that it may make at once after a pause; at least 1. By default enough to subscribe to as many channels
    /// as it may and to leave them all.
    public var requestBurst = 2000
    /// Pings, pongs and empty fragments per second that a WebSocket connection may send on average. More are ignored, and a client that keeps
    /// on is closed with 1008. 0 is no limit.
    public var controlFramesPerSecond = 50
    /// Pings and pongs that it may send at once after a pause; at least 1.
    public var controlFrameBurst = 100
    /// Channels that a WebSocket connection may be subscribed to; one more gets the error `too_many_subscriptions`. 0 is
    /// no limit.
    public var maximumSubscriptions = 1000
    /// Channels of templates that a WebSocket connection may be subscribed to before a record has made them; one more
    /// gets the error `too_many_channels`.
    public var maximumAwaitedChannels = 1000
    /// Connections at a time from one address, of any kind and in any state; more get HTTP 429. An IPv6 address counts
    /// with its /64. It is the socket's peer: behind a proxy all clients have one address. 0 is no limit.
    public var maximumConnectionsPerAddress = 0
    /// Connections at a time that are kept open for HTTP requests; more get HTTP 503. 0 is no limit.
    public var maximumHTTPConnections = 1000
    /// Connections at a time whose first request is not complete. At the limit the oldest are closed, and accepting pauses
    /// while none is old enough. 0 is no limit.
    public var maximumPendingHandshakes = 1000
    /// An HTTP connection is closed when neither a complete request nor the reading of a complete answer comes within
    /// this time.
    public var httpIdleTimeout = TimeAmount.seconds(60)
    /// A WebSocket connection without a subscription that makes no request for this long is closed with 4001. Zero is
    /// no limit. Looked at ten times within it, but not more often than every 5 ms.
    public var idleTimeout = TimeAmount.zero

    // MARK: Web pages

    /// Pages that may open WebSockets, as origins: `*` is all of them, `https://*.example.com` all hosts below one,
    /// `http://localhost:*` all ports of one.
    public var allowedOrigins = ["*"]
    /// Pages whose scripts may read the answers of the HTTP endpoints; written like `allowedOrigins`.
    public var corsOrigins: [String] = []

    // MARK: Proxies

    /// A path below which proxies serve everything, such as `/patchbay`; empty for none. Requests are taken with and without it.
    public var basePath = ""
    /// Networks whose `X-Forwarded-Prefix` and `X-Forwarded-For` are believed, as `10.0.0.0/8`.
    public var trustedProxies: [String] = []

    // MARK: Operation

    /// An event loop that makes no progress for this long is stuck, and `/health/live` says so. Zero: not checked.
    public var livenessThreshold = TimeAmount.seconds(8)
    /// At shutdown clients are told to come back after a time between this one and `reconnectLatest`, spread evenly.
    public var reconnectEarliest = TimeAmount.seconds(1)
    public var reconnectLatest = TimeAmount.seconds(5)

    public init() {}
}
