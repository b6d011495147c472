package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Listens on a port, carries out handshakes within limits, and gives every WebSocket connection its handler. Knows
/// nothing of what messages mean: the router's clients and the echo server of the conformance tests both come this way.
///
/// Thread: any.
package final class WebSocketListener: Sendable {
    /// Connections the kernel holds ready for us; the kernel caps it at net.core.somaxconn.
    private static let backlog: Int32 = 16_384
    /// Bytes of all headers of a request together; a browser sends one or two KB.
    private static let maximumHeaderBytes = 16 << 10

    private let configuration: ServerConfiguration
    private let connectionSettings: WebSocketSettings
    private let group: any EventLoopGroup
    private let makeHandler: @Sendable (any EventLoop, _ onClose: @escaping () -> Void) throws -> any MessageHandler
    private let serveHTTP: @Sendable (any Channel) throws -> Void
    private let listener = Mutex<(any Channel)?>(nil)
    private let clients = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)

    /// - Parameters:
    ///   - acceptsBinary: whether binary messages reach the handler or close the connection with 1003.
    ///   - makeHandler: called on the connection's event loop; `onClose` must be called once when the connection ends.
    ///   - serveHTTP: makes a connection's pipeline that of an HTTP server, on its event loop.
    package init(
        configuration: ServerConfiguration,
        acceptsBinary: Bool = false,
        group: any EventLoopGroup,
        makeHandler: @escaping @Sendable (any EventLoop, _ onClose: @escaping () -> Void) throws -> any MessageHandler,
        serveHTTP: @escaping @Sendable (any Channel) throws -> Void
    ) {
        self.configuration = configuration
        self.connectionSettings = WebSocketSettings(
            maximumMessageBytes: configuration.maximumMessageBytes, acceptsBinary: acceptsBinary)
        self.group = group
        self.makeHandler = makeHandler
        self.serveHTTP = serveHTTP
    }

    /// Open WebSocket connections.
    package var clientCount: Int { clients.load(ordering: .relaxed) }

    package var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    package func start() async throws -> Int {
        let high = max(configuration.writeBufferBytes, 1)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: configuration.readBufferBytes)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: max(high / 2, 1), high: high))
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
            .bind(host: configuration.host, port: configuration.port)
            .get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? configuration.port
    }

    /// Stops accepting connections; those that are open live on.
    package func stopAccepting() async {
        draining.store(true, ordering: .relaxed)
        let channel = listener.withLock { $0.take() }
        try? await channel?.close()
    }

    /// Thread: loop.
    private func configure(_ channel: any Channel) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = Self.maximumHeaderBytes
        limits.maxHeaderFieldSize = Self.maximumHeaderBytes
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        let handshake = HandshakeHandler(
            environment: .init(
                timeout: configuration.handshakeTimeout,
                rules: .init(path: configuration.path, allowedOrigins: configuration.allowedOrigins),
                isDraining: { [self] in isDraining },
                reservePlace: { [self] in reservePlace() },
                releasePlace: { [self] in releasePlace() },
                makeConnection: { [self] eventLoop in
                    WebSocketConnection(
                        settings: connectionSettings,
                        handler: try makeHandler(eventLoop, { [self] in releasePlace() }))
                },
                serveHTTP: serveHTTP),
            encoder: encoder, decoder: decoder)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
        try pipeline.addHandler(handshake)
    }

    private func reservePlace() -> Bool {
        if clients.wrappingAdd(1, ordering: .relaxed).newValue <= configuration.maxClients { return true }
        releasePlace()
        return false
    }

    private func releasePlace() { clients.wrappingSubtract(1, ordering: .relaxed) }
}
