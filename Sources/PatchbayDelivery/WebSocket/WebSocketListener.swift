package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import PatchbaySettings
import Synchronization

/// Listens on a port, carries out handshakes within limits, and gives every WebSocket connection its handler. Knows
/// nothing of what messages mean: the router's clients and the echo server of the conformance tests both come this way.
///
/// Thread: any.
package final class WebSocketListener: Sendable {
    /// Connections the kernel holds ready for us; the kernel caps it at net.core.somaxconn.
    private static let backlog: Int32 = 16_384

    private let configuration: ServerConfiguration
    private let connections: ConnectionEnvironment
    private let group: any EventLoopGroup
    private let makeHandler: @Sendable (any EventLoop) throws -> any MessageHandler
    private let serveHTTP: @Sendable (any Channel) throws -> Void
    private let listener = Mutex<(any Channel)?>(nil)
    private let clients: ConnectionSlots
    private let httpConnections: ConnectionSlots
    private let addresses: AddressLimiter?
    private let pending: PendingHandshakes
    private let opened = Atomic<Int64>(0)
    let handshakeRules: HandshakeDecision.Rules
    let proxies: ProxyTrust
    let authorizer: any Authorizer
    let counters: LimitCounters
    let log: ConnectionLog
    private let draining = Atomic<Bool>(false)

    /// - Parameters:
    ///   - acceptsBinary: whether binary messages reach the handler or close the connection with 1003.
    ///   - makeHandler: called on the connection's event loop.
    ///   - serveHTTP: makes a connection's pipeline that of an HTTP server, on its event loop.
    package convenience init(
        configuration: ServerConfiguration,
        acceptsBinary: Bool = false,
        group: any EventLoopGroup,
        logger: Logger = Logger(label: "patchbay.silent", factory: { _ in SwiftLogNoOpLogHandler() }),
        makeHandler: @escaping @Sendable (any EventLoop) throws -> any MessageHandler,
        serveHTTP: @escaping @Sendable (any Channel) throws -> Void
    ) {
        self.init(
            configuration: configuration, acceptsBinary: acceptsBinary, group: group, log: ConnectionLog(logger: logger),
            counters: LimitCounters(), makeHandler: makeHandler, serveHTTP: serveHTTP)
    }

    /// - Parameters:
    ///   - log: takes what there is to say about clients.
    ///   - counters: takes how often they ran into limits.
    ///   - authorizer: says who clients are.
    package init(
        configuration: ServerConfiguration,
        acceptsBinary: Bool = false,
        group: any EventLoopGroup,
        log: ConnectionLog,
        counters: LimitCounters,
        authorizer: any Authorizer = AnonymousAuthorizer(),
        makeHandler: @escaping @Sendable (any EventLoop) throws -> any MessageHandler,
        serveHTTP: @escaping @Sendable (any Channel) throws -> Void
    ) {
        self.configuration = configuration
        self.log = log
        self.counters = counters
        self.authorizer = authorizer
        self.handshakeRules = .init(path: configuration.path, allowedOrigins: configuration.server.allowedOrigins)
        self.proxies = ProxyTrust(configuration)
        self.clients = ConnectionSlots(most: configuration.server.maxClients)
        self.connections = ConnectionEnvironment(
            configuration, acceptsBinary: acceptsBinary, slots: clients, counters: counters, log: log)
        self.httpConnections = ConnectionSlots(most: configuration.limits.httpConnections)
        self.pending = PendingHandshakes(most: configuration.limits.pendingHandshakes)
        self.addresses = AddressLimiter(most: configuration.limits.connectionsPerAddress)
        self.group = group
        self.makeHandler = makeHandler
        self.serveHTTP = serveHTTP
    }

    /// Open WebSocket connections.
    package var clientCount: Int { clients.taken }

    /// Connections whose first request is not complete.
    package var pendingCount: Int { pending.count }

    /// WebSocket connections since the start.
    package var openedCount: Int64 { opened.load(ordering: .relaxed) }

    package var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Whether the port is open.
    package var isAccepting: Bool { listener.withLock { $0?.isActive ?? false } }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    package func start() async throws -> Int {
        let high = max(configuration.server.writeBuffer, 1)
        var bootstrap = ServerBootstrap(group: group)
        if configuration.server.sendBuffer > 0 {
            // Accepted sockets inherit it, so that it costs no system call per connection.
            bootstrap = bootstrap.serverChannelOption(
                .socketOption(.so_sndbuf), value: .init(configuration.server.sendBuffer))
        }
        let channel =
            try await bootstrap
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .serverChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptGate(pending: pending, counters: counters, log: log))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: TransientReadBuffers(capacity: configuration.server.readBuffer))
            // `TransientReadBuffers` says why.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: max(high / 2, 1), high: high))
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
            .bind(host: configuration.server.host, port: configuration.server.port)
            .get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? configuration.server.port
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
        limits.maxHeaderListSize = configuration.limits.maxHeaders
        limits.maxHeaderFieldSize = configuration.limits.maxHeaders
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        let handshake = HandshakeHandler(
            host: self, isOverAddressLimit: !admits(channel), encoder: encoder, decoder: decoder)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
        try pipeline.addHandler(handshake)
    }

    /// Whether the client's address may have one more connection. If so, it counts until it closes.
    private func admits(_ channel: any Channel) -> Bool {
        guard let addresses, let address = channel.remoteAddress.flatMap(ClientAddress.init) else { return true }
        guard addresses.reserve(address) else {
            counters.count(.connectionsPerAddress)
            return false
        }
        channel.closeFuture.whenComplete { _ in addresses.release(address) }
        return true
    }
}

extension WebSocketListener: HandshakeHost {
    var handshakeTimeout: TimeAmount { TimeAmount(configuration.server.handshakeTimeout) }

    func reserveClient() -> Bool { clients.reserve() }

    func releaseClient() { clients.release() }

    func reserveHTTP() -> Bool { httpConnections.reserve() }

    func releaseHTTP() { httpConnections.release() }

    func endPending(_ channel: any Channel) { pending.remove(channel) }

    func makeConnection(_ client: ClientIdentity, on eventLoop: any EventLoop) throws -> WebSocketConnection {
        let handler = try makeHandler(eventLoop)
        opened.wrappingAdd(1, ordering: .relaxed)
        return WebSocketConnection(environment: connections, client: client, handler: handler)
    }

    func makeHTTP(_ channel: any Channel) throws { try serveHTTP(channel) }
}
