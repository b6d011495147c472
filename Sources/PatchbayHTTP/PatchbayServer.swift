public import Logging
public import NIOCore
public import PatchbayCore
public import PatchbayDelivery
import PatchbaySettings

/// One port for the WebSocket and the HTTP endpoints.
///
/// Thread: any.
public final class PatchbayServer: Sendable {
    private let listener: WebSocketListener
    private let loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]
    private let reporter: HealthReporter
    private let endpoints: Endpoints
    private let heartbeats: Heartbeats
    private let reconnects: ReconnectSpread
    private let counters: LimitCounters
    private let metrics: MetricsCollector

    /// - Parameters:
    ///   - group: the event loops, the same that `router.fanouts` belong to.
    ///   - source: says how consumption goes; asked once per `/health`.
    ///   - configurationStatus: says which configuration is in force; asked once per `/health`.
    ///   - documentation: what `/docs` describes; without it, what the route table says by itself.
    ///   - metrics: figures for `/metrics` that the server doesn't have itself.
    ///   - authorizer: says who clients are and what they may read.
    public init(
        configuration: ServerConfiguration, router: RoutingHub, group: any EventLoopGroup, logger: Logger,
        source: @escaping @Sendable () -> SourceHealth,
        configurationStatus: @escaping @Sendable () -> ConfigurationStatus,
        documentation: (@Sendable () -> DocumentedRoutes)? = nil, metrics: MetricsSources = MetricsSources(),
        authorizer: any Authorizer = AnonymousAuthorizer()
    ) {
        let counters = LimitCounters()
        self.counters = counters
        let limits = SessionLimits(configuration)
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for fanout in router.fanouts {
            // Made on the loop it belongs to: LoopContext is confined to it from its first moment on.
            let bound = fanout.eventLoop.submit {
                NIOLoopBound(
                    LoopContext(
                        fanout: fanout, router: router, pingInterval: TimeAmount(configuration.server.pingInterval),
                        limits: limits, counters: counters, authorizer: authorizer),
                    eventLoop: fanout.eventLoop)
            }
            loops[ObjectIdentifier(fanout.eventLoop)] = try? bound.wait()
        }
        self.loops = loops
        let heartbeats = Heartbeats(
            eventLoops: router.fanouts.map(\.eventLoop), threshold: TimeAmount(configuration.server.livenessThreshold))
        self.heartbeats = heartbeats
        self.reconnects = ReconnectSpread(
            earliest: TimeAmount(configuration.server.reconnectEarliest),
            latest: TimeAmount(configuration.server.reconnectLatest))

        // The reporter counts the listener's clients and the listener serves the reporter's answers: tie the knot with
        // a reporter that learns of the listener last.
        let reporter = HealthReporter(
            maxClients: configuration.server.maxClients, router: router, source: source, configuration: configurationStatus,
            heartbeats: heartbeats, counters: counters)
        let collector = MetricsCollector(
            sources: metrics, router: router, clients: { reporter.clientSnapshot(counters) },
            configuration: configurationStatus, status: { reporter.status })
        self.metrics = collector
        let docs = DocsEndpoints(
            configuration: configuration, routes: documentation ?? { DocumentedRoutes(table: router.table) })
        let log = ConnectionLog(logger: logger)
        let endpoints = Endpoints(
            logger: logger, timeout: TimeAmount(configuration.server.httpIdleTimeout),
            corsOrigins: configuration.server.corsOrigins, log: log, counters: counters, proxies: ProxyTrust(configuration)
        ) { router in
            StandardEndpoints.add(to: router, health: { reporter.report() }, metrics: { collector.bytes() })
            StandardEndpoints.add(reporter.probes, to: router)
            StandardEndpoints.addUpgradeHint(to: router)
            docs.add(to: router)
        }
        let contexts = loops
        self.listener = WebSocketListener(
            configuration: configuration, group: group, log: log, counters: counters,
            authorizer: authorizer,
            makeHandler: { eventLoop in
                guard let context = contexts[ObjectIdentifier(eventLoop)]?.value else {
                    throw ChannelError.operationUnsupported
                }
                return SubscriberSession(loop: context)
            },
            serveHTTP: { try endpoints.serve($0) })
        self.reporter = reporter
        self.endpoints = endpoints
        reporter.observe(listener)
    }

    /// Every path of the HTTP endpoints.
    var paths: Set<String> { endpoints.paths }

    /// Open WebSocket connections.
    public var clientCount: Int { listener.clientCount }

    /// WebSocket connections since the start.
    public var openedCount: Int64 { listener.openedCount }

    /// How often each limit was run into.
    public var limitCounters: LimitCounters { counters }

    /// The report behind `GET /health`.
    public var health: HealthReport { reporter.report() }

    /// The page behind `GET /metrics`.
    public var metricsPage: ByteBuffer { metrics.bytes() }

    /// The answers behind `GET /health/live` and `GET /health/ready`, for another listener to serve.
    public var probes: HealthProbes { reporter.probes }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    public func start() async throws -> Int {
        heartbeats.start()
        for context in loops.values {
            context.eventLoop.execute { context.value.startKeepAlive() }
        }
        return try await listener.start()
    }

    // MARK: Shutdown: beginDrain, a while for load balancers to notice, stopAccepting, drain

    /// Turns `/health/ready` and `/health` red. Everything else goes on: connections still come until the load balancer
    /// has noticed.
    public func beginDrain() { reporter.leave() }

    /// Stops accepting connections; those that are open live on.
    public func stopAccepting() async { await listener.stopAccepting() }

    /// What a drain came to.
    public struct Drained: Sendable, Equatable {
        /// Connections that were still open when the time was up.
        public var stragglers = 0
        /// Clients that were closed before they had everything.
        public var cutShort = 0
        /// Messages that those did not get. They were told how many in a `gap`.
        public var lost: Int64 = 0
    }

    /// Gives every client what is in the logs, tells it when to come back, and closes with 1001. A client whose socket is
    /// full gets half of the time to read what is left for it, and is then told how much it misses; the others don't wait for
    /// that. Returns when all are gone or the time is up; what is left then is closed at once.
    public func drain(timeout: Duration) async -> Drained {
        let deadline = ContinuousClock.now + timeout
        let patience = ContinuousClock.now + timeout / 2
        var drained = Drained()
        var isWaiting = true
        while isWaiting {
            let isPatient = ContinuousClock.now < patience
            var round = LoopContext.DrainRound()
            for context in loops.values {
                let part = try? await context.eventLoop.submit { [reconnects] in
                    context.value.drain(reconnects, sparingFullSockets: isPatient)
                }.get()
                if let part { round = round + part }
            }
            drained.cutShort += round.cutShort
            drained.lost += round.lost
            isWaiting = round.waiting > 0
            if isWaiting { try? await Task.sleep(for: .milliseconds(10)) }
        }
        while clientCount > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(10))
        }
        await endpoints.close()
        drained.stragglers = clientCount
        return drained
    }
}
