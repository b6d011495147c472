import Logging
import NIOCore
import NIOPosix
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayKafka
import PatchbayServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The router assembled from a configuration: event loops, channel logs, routes, server and consumer.
///
/// Thread: any.
final class RouterService: Sendable {
    /// All of a shutdown ends within this, because supervisors kill after 10 seconds.
    private static let shutdownBudget = Duration.milliseconds(9500)

    private let configuration: RouterConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    let router: Router
    let consumer: ConsumerThread
    private let server: PatchbayServer

    /// - Parameter consumerProperties: librdkafka properties that hold unless the file sets them.
    init(
        configuration: RouterConfiguration, consumerProperties: [(name: String, value: String)] = [], logger: Logger
    ) {
        self.configuration = configuration
        self.logger = logger
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Self.eventLoops(configuration.server))
        self.group = group
        let fanouts = group.makeIterator().enumerated().map { index, loop in Fanout(eventLoop: loop, index: index) }
        let router = Router(table: Self.routeTable(configuration), fanouts: fanouts, observe: Self.report(to: logger))
        self.router = router

        let given = configuration.kafka.properties.map { (name: $0.name, value: $0.value) }
        let consumer = ConsumerThread(
            configuration: ConsumerConfiguration(
                brokers: configuration.kafka.brokers, groupID: configuration.kafka.group,
                topics: router.table.topics,
                properties: consumerProperties.filter { added in !given.contains { $0.name == added.name } } + given,
                batchSize: configuration.kafka.batchSize),
            logger: logger, makeProcessor: { router.makeProcessor() })
        self.consumer = consumer

        let brokers = configuration.kafka.brokers
        server = PatchbayServer(
            configuration: Self.serverConfiguration(configuration.server), router: router, group: group, logger: logger,
            source: { ConsumptionHealth.assess(consumer.status, brokers: brokers) })
    }

    /// Listens and begins to consume.
    ///
    /// - Returns: the port.
    /// - Throws: when the port can't be had.
    func start() async throws -> Int {
        let port = try await server.start()
        consumer.start()
        return port
    }

    var health: HealthReport { server.health }

    /// Stops polling, commits, hands out what is in the logs, tells clients, and closes.
    func stop() async {
        let start = ContinuousClock.now
        await server.stopAccepting()
        await consumer.stop()
        let left = Self.shutdownBudget - (ContinuousClock.now - start)
        let stragglers = await server.drain(timeout: max(.zero, min(configuration.server.drainTimeout, left)))
        if stragglers > 0 {
            logger.warning("clients did not take their leave within server.drain_timeout and were cut off", metadata: ["clients": "\(stragglers)"])
        }
        try? await group.shutdownGracefully()
    }

    private static func eventLoops(_ settings: ServerSettings) -> Int {
        // One loop saturates a core; consumer threads and librdkafka need one too.
        settings.eventLoops > 0 ? settings.eventLoops : max(1, System.coreCount - 1)
    }

    private static func routeTable(_ configuration: RouterConfiguration) -> RouteTable {
        var logs: [String: ChannelLog] = [:]
        for channel in configuration.channels {
            logs[channel.name] = ChannelLog(name: channel.name, limits: .init(messageBuffer: channel.buffer))
        }
        return RouteTable(
            routes: configuration.routes.map {
                Route(
                    name: $0.name, topic: $0.topic, type: $0.type, channels: $0.channels, makeTransformer: $0.factory)
            },
            logs: logs,
            maximumRecordBytes: configuration.kafka.maxRecord)
    }

    private static func serverConfiguration(_ settings: ServerSettings) -> ServerConfiguration {
        var server = ServerConfiguration()
        server.host = settings.host
        server.port = settings.port
        server.maxClients = settings.maxClients
        server.readBufferBytes = settings.readBuffer
        server.writeBufferBytes = settings.writeBuffer
        server.maximumMessageBytes = settings.maxMessage
        server.handshakeTimeout = TimeAmount(settings.handshakeTimeout)
        server.pingInterval = TimeAmount(settings.pingInterval)
        server.allowedOrigins = settings.allowedOrigins
        return server
    }

    private static func report(to logger: Logger) -> RejectionObserver {
        { rejected in
            var metadata: Logger.Metadata = [
                "route": "\(rejected.route)", "topic": "\(rejected.topic)", "partition": "\(rejected.partition)",
                "record_offset": "\(rejected.recordOffset)", "code": "\(rejected.rejection.code)",
                "reason": "\(rejected.rejection.explanation)",
            ]
            if let field = rejected.rejection.field { metadata["field"] = "\(field)" }
            if rejected.unreported > 0 { metadata["also_rejected"] = "\(rejected.unreported)" }
            logger.warning("record rejected", metadata: metadata)
        }
    }
}
