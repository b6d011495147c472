public import Logging
public import NIOCore
public import PatchbayCore

/// One port for the WebSocket and the HTTP endpoints.
///
/// Thread: any.
public final class PatchbayServer: Sendable {
    private let listener: WebSocketListener
    private let loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]
    private let reporter: HealthReporter
    private let endpoints: Endpoints

    /// - Parameters:
    ///   - group: the event loops, the same that `router.fanouts` belong to.
    ///   - source: says how consumption goes; asked once per `/health`.
    public init(
        configuration: ServerConfiguration, router: Router, group: any EventLoopGroup, logger: Logger,
        source: @escaping @Sendable () -> SourceHealth
    ) {
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

        // The reporter counts the listener's clients and the listener serves the reporter's answers: tie the knot with
        // a reporter that learns of the listener last.
        let reporter = HealthReporter(maxClients: configuration.maxClients, router: router, source: source)
        let endpoints = Endpoints(logger: logger, health: { reporter.report() })
        let contexts = loops
        self.listener = WebSocketListener(
            configuration: configuration, group: group,
            makeHandler: { eventLoop, onClose in
                guard let context = contexts[ObjectIdentifier(eventLoop)]?.value else {
                    throw ChannelError.operationUnsupported
                }
                return SubscriberSession(loop: context, onClose: onClose)
            },
            serveHTTP: { try endpoints.serve($0) })
        self.reporter = reporter
        self.endpoints = endpoints
        reporter.observe(listener)
    }

    /// Open WebSocket connections.
    public var clientCount: Int { listener.clientCount }

    /// The report behind `GET /health`.
    public var health: HealthReport { reporter.report() }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    public func start() async throws -> Int {
        for context in loops.values {
            context.eventLoop.execute { context.value.startKeepAlive() }
        }
        return try await listener.start()
    }

    // MARK: Shutdown

    /// Stops accepting connections; those that are open live on.
    public func stopAccepting() async { await listener.stopAccepting() }

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
        await endpoints.close()
        return clientCount
    }
}
