/// Where clients connect, and what one of them may cost: the section `server` of the file.
///
/// The initial values are the defaults. What the file calls a property, its range and its documentation are in
/// `PatchbayConfig/Sections/ServerSection.swift`.
public struct ServerSettings: Sendable, Equatable {
    public var host = "0.0.0.0"
    /// 0 takes any free port.
    public var port = 8080
    /// WebSocket connections at a time; more are refused with HTTP 503.
    public var maxClients = 1000

    // MARK: Buffers

    /// Bytes read from a client's socket per read.
    public var readBuffer = 1024
    /// Bytes that may wait in the server for a client's socket before the client counts as slow.
    public var writeBuffer = 1024
    /// Bytes that may wait in the kernel for a client (`SO_SNDBUF`); the kernel allows itself twice that for what it adds
    /// to them. 0 leaves it to the kernel, which goes up to net.ipv4.tcp_wmem's third number, 4 MiB by default.
    public var sendBuffer = 256 << 10
    /// Bytes of the largest message from a client; a larger one closes the connection with 1009.
    public var maxMessage = 64 << 10
    /// Bytes of the largest frame, of which a message may have several; a larger one closes the connection with 1009. 0:
    /// only messages are limited.
    public var maxFrame = 0

    // MARK: Times

    /// From the accepted connection to its complete request, whatever trickles in meanwhile.
    public var handshakeTimeout = Duration.seconds(10)
    public var pingInterval = Duration.seconds(30)
    /// A WebSocket connection without a subscription that makes no request for this long is closed with 4001. Zero is
    /// no limit. Looked at ten times within it, but not more often than every 5 ms.
    public var idleTimeout = Duration.zero
    /// An HTTP connection is closed when neither a complete request nor the reading of a complete answer comes within
    /// this time.
    public var httpIdleTimeout = Duration.seconds(60)
    /// At shutdown, from the moment that readiness is red to the end of accepting.
    public var drainDelay = Duration.zero
    /// At shutdown, for clients to receive what is on its way.
    public var drainTimeout = Duration.seconds(5)
    /// At shutdown clients are told to come back after a time between this one and `reconnectLatest`, spread evenly.
    public var reconnectEarliest = Duration.seconds(1)
    public var reconnectLatest = Duration.seconds(5)
    /// A thread that makes no progress for this long is stuck, and `/health/live` says so. Zero: not checked.
    public var livenessThreshold = Duration.seconds(8)

    /// Threads that serve connections; 0 stands for one fewer than cores.
    public var eventLoops = 0

    // MARK: Web pages and proxies

    /// Pages that may open WebSockets, as origins: `*` is all of them, `https://*.example.com` all hosts below one,
    /// `http://localhost:*` all ports of one.
    public var allowedOrigins = ["*"]
    /// Pages whose scripts may read the answers of the HTTP endpoints; written like `allowedOrigins`.
    public var corsOrigins: [String] = []
    /// A path below which proxies serve everything, such as `/patchbay`; empty for none. Requests are taken with and without it.
    public var basePath = ""
    /// Networks whose `X-Forwarded-Prefix` and `X-Forwarded-For` are believed, as `10.0.0.0/8`.
    public var trustedProxies: [String] = []

    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    public init() {}
}
