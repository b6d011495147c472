/// What one client, or one address, may ask of the server: the section `limits` of the file. 0 is no limit, but for awaited
/// channels.
///
/// The initial values are the defaults; the rest of each declaration is in `PatchbayConfig/Sections/LimitSection.swift`.
public struct LimitSettings: Sendable, Equatable {
    /// Requests per second that a WebSocket connection may make on average; more get the error `rate_limited`, and
    /// a client that keeps on is closed with 1008.
    public var requestsPerSecond = 100
    /// Requests that it may make at once after a pause; at least 1. By default enough to subscribe to as many channels
    /// as it may and to leave them all.
    public var requestBurst = 2000
    /// Pings, pongs and empty fragments per second that a WebSocket connection may send on average. More are ignored, and a
    /// client that keeps on is closed with 1008.
    public var controlFramesPerSecond = 50
    /// Pings and pongs that it may send at once after a pause; at least 1.
    public var controlFrameBurst = 100
    /// Channels that a WebSocket connection may be subscribed to; one more gets the error `too_many_subscriptions`.
    public var subscriptions = 1000
    /// Channels of templates that all clients together may be subscribed to before a record has made them; one more gets
    /// the error `too_many_channels`.
    public var awaitedChannels = 100_000
    /// The same for one connection.
    public var awaitedChannelsPerConnection = 1000
    /// Connections at a time from one address, of any kind and in any state; more get HTTP 429. An IPv6 address counts
    /// with its /64. It is the socket's peer: behind a proxy all clients have one address.
    public var connectionsPerAddress = 0
    /// Connections at a time that are kept open for HTTP requests; more get HTTP 503.
    public var httpConnections = 1000
    /// Connections at a time whose first request is not complete. At the limit the oldest are closed, and accepting pauses
    /// while none is old enough.
    public var pendingHandshakes = 1000
    /// Bytes of all headers of a request together; more are refused with HTTP 431. A browser sends one or two KB.
    public var maxHeaders = 16 << 10

    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    public init() {}
}
