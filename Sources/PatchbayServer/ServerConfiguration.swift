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
    /// Larger messages from clients close the connection with 1009.
    public var maximumMessageBytes = 64 << 10
    /// From the accepted connection to its complete request.
    public var handshakeTimeout = TimeAmount.seconds(10)
    public var pingInterval = TimeAmount.seconds(30)
    /// `*` allows all.
    public var allowedOrigins = ["*"]

    public init() {}
}
