public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
public import PatchbayCore
import Synchronization

/// Settings of the listener and of its connections.
public struct ServerConfiguration: Sendable {
    public var host = "0.0.0.0"
    /// 0 takes any free port.
    public var port = 8080
    /// WebSocket connections at a time; more are refused with HTTP 503.
    public var maxClients = 1000
    /// Bytes read from a client's socket per read.
    public var readBufferBytes = 1024
    /// Bytes that may wait in the server for a client's socket before the client counts as slow.
    public var writeBufferBytes = 1024
    public var maximumMessageBytes = 64 << 10
    public var handshakeTimeout = TimeAmount.seconds(10)
    public var pingInterval = TimeAmount.seconds(30)
    public var allowedOrigins = ["*"]

    public init() {}
}

/// The listener: one port for the WebSocket and the HTTP endpoints.
///
/// Thread: any.
public final class PatchbayServer: Sendable {
    /// Connections the kernel holds ready for us; the kernel caps it at net.core.somaxconn.
    private static let backlog: Int32 = 16_384
    /// Bytes of all headers of a request together; a browser sends one or two KB.
    private static let maximumHeaderBytes = 16 << 10

    private let configuration: ServerConfiguration
    private let router: Router
    private let group: any EventLoopGroup
    private let loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]
    private let logger: Logger
    private let started = NIODeadline.now()
    private let source: @Sendable () -> SourceHealth
    private let listener = Mutex<(any Channel)?>(nil)
    private let clients = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)

    /// - Parameters:
    ///   - group: the event loops, the same that `router.fanouts` belong to.
    ///   - source: says how consumption goes; asked once per `/health`.
    public init(
        configuration: ServerConfiguration, router: Router, group: any EventLoopGroup, logger: Logger,
        source: @escaping @Sendable () -> SourceHealth
    ) {
        self.configuration = configuration
        self.router = router
        self.group = group
        self.logger = logger
        self.source = source
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for fanout in router.fanouts {
            // Made on the loop it belongs to: LoopContext is confined to it from its first moment on.
            let bound = fanout.eventLoop.submit {
                NIOLoopBound(
                    LoopContext(fanout: fanout, router: router, pingInterval: configuration.pingInterval),
                    eventLoop: fanout.eventLoop)
            }
            loops[ObjectIdentifier(fanout.eventLoop)] = try? bound.wait()
        }
        self.loops = loops
    }

    /// Open WebSocket connections.
    public var clientCount: Int { clients.load(ordering: .relaxed) }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    public func start() async throws -> Int {
        let endpoints = Endpoints(logger: logger, health: { [self] in health() })
        for context in loops.values {
            context.eventLoop.execute { context.value.startKeepAlive() }
        }
        let configuration = configuration
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: configuration.readBufferBytes)
            )
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(
                    low: max(configuration.writeBufferBytes / 2, 1), high: max(configuration.writeBufferBytes, 1))
            )
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel, endpoints: endpoints) }
            }
            .bind(host: configuration.host, port: configuration.port)
            .get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? configuration.port
    }

    /// Thread: loop.
    private func configure(_ channel: any Channel, endpoints: Endpoints) throws {
        guard let context = loops[ObjectIdentifier(channel.eventLoop)]?.value else {
            throw ChannelError.operationUnsupported
        }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = Self.maximumHeaderBytes
        limits.maxHeaderFieldSize = Self.maximumHeaderBytes
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        let settings = WebSocketSettings(maximumMessageBytes: configuration.maximumMessageBytes)
        let handshake = HandshakeHandler(
            environment: .init(
                timeout: configuration.handshakeTimeout,
                allowedOrigins: configuration.allowedOrigins,
                isDraining: { [self] in draining.load(ordering: .relaxed) },
                reservePlace: { [self] in reservePlace() },
                releasePlace: { [self] in releasePlace() },
                makeConnection: { [self] in
                    WebSocketConnection(
                        settings: settings,
                        handler: SubscriberSession(loop: context, onClose: { [self] in releasePlace() }))
                },
                serveHTTP: { try endpoints.serve($0) }),
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

    // MARK: Shutdown

    /// Stops accepting connections; those that are open live on.
    public func stopAccepting() async {
        draining.store(true, ordering: .relaxed)
        let channel = listener.withLock { $0.take() }
        try? await channel?.close()
    }

    /// Gives every client what is in the logs, tells it when to come back, and closes with 1001. Returns when all are
    /// gone or the time is up; what is left then is closed at once.
    ///
    /// - Returns: connections that did not take their leave in time.
    public func drain(timeout: Duration) async -> Int {
        for context in loops.values {
            context.eventLoop.execute {
                let loop = context.value
                loop.fanout.passNow()
                for connection in loop.connections {
                    // Spread over a few seconds, so that the next server is not met by everybody at once.
                    connection.send(
                        ControlMessages.frame(
                            type: "server_shutdown", channel: nil,
                            data: "{\"reconnect_after_ms\":\(Int.random(in: 1000...5000))}"))
                    connection.close(.goingAway)
                }
            }
        }
        let deadline = ContinuousClock.now + timeout
        while clientCount > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(10))
        }
        return clientCount
    }

    // MARK: Health

    /// The report behind `GET /health`.
    public func health() -> HealthReport {
        let source = source()
        let table = router.table
        let fanout = router.fanoutFigures
        var reasons = source.failures + source.warnings
        if clientCount >= configuration.maxClients { reasons.append("all places for clients are taken (max_clients)") }
        let isDraining = draining.load(ordering: .relaxed)
        if isDraining { reasons.append("the server is shutting down") }
        return HealthReport(
            status: !source.failures.isEmpty || isDraining ? .unavailable : reasons.isEmpty ? .ok : .degraded,
            reasons: reasons,
            clients: clientCount,
            maxClients: configuration.maxClients,
            generation: table.generation,
            channels: table.logs.values.sorted { $0.name < $1.name }.map { log in
                let figures = log.figures
                return .init(
                    channel: log.name, subscribers: figures.subscribers, messages: figures.messages,
                    dropped: figures.dropped, bytesRetained: figures.bytesRetained)
            },
            routes: table.routes.map { route in
                let figures = route.counters.snapshot
                return .init(
                    route: route.name, recordsIn: figures.recordsIn, recordsRouted: figures.routed,
                    recordsFiltered: figures.filtered, recordsRejected: figures.rejected, messages: figures.envelopes)
            },
            topics: source.topics,
            fanout: .init(
                passes: fanout.passes, writes: fanout.writes, bytesWritten: fanout.bytesWritten,
                deliveries: fanout.deliveries, dropped: fanout.dropped,
                passSeconds: Double(fanout.nanoseconds) / 1e9),
            timestamp: Timestamp.text(Timestamp.nowMilliseconds()),
            uptimeSeconds: Double((NIODeadline.now() - started).nanoseconds) / 1e9)
    }
}
