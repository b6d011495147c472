import Logging
import NIOCore
import NIOPosix
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import PatchbaySettings
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The router assembled from a configuration: event loops, channel logs, routes, server and consumer.
///
/// Thread: any.
package final class RouterService: Sendable {
    /// Patchbay's version.
    package static let version = "0.1.0"
    /// All of a shutdown ends within this, because supervisors kill after 10 seconds.
    private static let shutdownBudget = Duration.milliseconds(9500)
    /// How often idle channels of templates are looked for.
    private static let retirementInterval = Duration.seconds(1)
    /// Long enough that a flood, which mentions them itself, hardly leaves any.
    private static let summaryInterval = Duration.seconds(5)

    private let configuration: RouterConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    let router: RoutingHub
    let consumers: ClusterConsumers
    let reloader: Reloader
    private let server: PatchbayServer
    private let admin: AdminServer?
    private let alerting: Alerting
    private let http: OutgoingHTTP
    private let periodicTasks = Mutex<[Task<Void, Never>]>([])

    /// Where it listens.
    package struct Ports: Sendable {
        package var clients: Int
        /// `nil` without an admin listener.
        package var admin: Int?
        /// A channel to look at first; `nil` when templates make all of them.
        package var channel: String?
    }

    /// - Parameters:
    ///   - loaded: what `configuration` was loaded from.
    ///   - reload: loads the files again.
    ///   - consumerProperties: librdkafka properties that hold unless the file sets them.
    ///   - rejoinsAfter: for an embedded Kafka; see `ConsumerConfiguration.rejoinsAfter`.
    init(
        configuration: RouterConfiguration, loaded: LoadedConfiguration, reload: @escaping Reloader.Load,
        consumerProperties: [(name: String, value: String)] = [], rejoinsAfter: Duration? = nil, logger: Logger
    ) {
        self.configuration = configuration
        self.logger = logger
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Self.eventLoops(configuration.server))
        self.group = group
        let fanouts = group.makeIterator().enumerated().map { index, loop in Fanout(eventLoop: loop, index: index, flusher: RingFlusher()) }
        let router = RoutingHub(
            table: TableBuilder.table(configuration), fanouts: fanouts,
            maximumAwaited: configuration.limits.awaitedChannels, observe: Self.report(to: logger))
        self.router = router
        let consumers = ClusterConsumers(
            router: router, extraProperties: consumerProperties, rejoinsAfter: rejoinsAfter,
            livenessThreshold: configuration.server.livenessThreshold, logger: logger)
        self.consumers = consumers
        let http = OutgoingHTTP(group: group)
        self.http = http
        let alerting = Alerting(
            configuration.alerts, consumers: consumers, http: http, version: Self.version, logger: logger)
        self.alerting = alerting
        let documentation = RouteDocumentation(configuration)
        let inForce = Mutex(configuration)
        let reloader = Reloader(
            current: loaded, configuration: configuration, load: reload,
            apply: { next in
                let generation = await BlockingWork.run {
                    let before = inForce.withLock { $0 }
                    var generation = router.generation
                    if !ConfigurationDifference(from: before, to: next).isEmpty {
                        let table = TableBuilder.table(next, replacing: (router.table, before))
                        generation = router.replace(with: table, reason: "the channel was removed from the configuration")
                        inForce.withLock { $0 = next }
                    }
                    documentation.update(next)
                    return generation
                }
                alerting.update(next.alerts)
                await consumers.apply(next.clusters)
                return generation
            },
            recent: { router.recentRecords }, logger: logger)
        self.reloader = reloader
        server = PatchbayServer(
            configuration: ServerConfiguration(server: configuration.server, limits: configuration.limits), router: router, group: group,
            logger: logger,
            source: {
                var health = consumers.health
                health.warnings += alerting.reasons
                return health
            },
            configurationStatus: { reloader.status }, documentation: { documentation.current },
            metrics: MetricsSources(
                version: Self.version, consumption: { consumers.figures }, alerts: { alerting.figures }))
        let server = server
        admin =
            configuration.admin.isEnabled
            ? AdminServer(
                settings: configuration.admin, group: group, logger: logger,
                health: { server.health }, metrics: { server.metricsPage }, probes: server.probes,
                counters: server.limitCounters,
                largestCandidate: ConfigurationLoader.largestFile,
                reload: { request in
                    let report =
                        switch request {
                        case .apply: await reloader.reload(.request)
                        case .preview(let candidate): await reloader.preview(candidate: candidate)
                        }
                    return AdminAnswer(status: report.isRefusal ? 422 : 200, body: report.json)
                })
            : nil
    }

    /// Why the process can't serve.
    struct CantListen: Error {
        /// Such as `server.port`.
        var setting: String
        var variable: String
        var address: String
        var reason: String
    }

    /// Listens and begins to consume.
    ///
    /// - Throws: `CantListen`; nothing is left running then.
    func start() async throws(CantListen) -> Ports {
        var ports = Ports(clients: 0)
        do {
            ports.clients = try await server.start()
        } catch {
            try? await group.shutdownGracefully()
            throw CantListen(
                setting: "server.port", variable: "PORT",
                address: "\(configuration.server.host):\(configuration.server.port)", reason: ErrorSentence.of(error))
        }
        do {
            ports.admin = try await admin?.start()
        } catch {
            await server.stopAccepting()
            try? await group.shutdownGracefully()
            throw CantListen(
                setting: "admin.port", variable: "ADMIN_PORT",
                address: "\(configuration.admin.host):\(configuration.admin.port)", reason: ErrorSentence.of(error))
        }
        await consumers.apply(configuration.clusters)
        let (router, reloader) = (router, reloader)
        var tasks = [
            Task {
                while (try? await Task.sleep(for: Self.retirementInterval)) != nil { router.retireIdleChannels() }
            },
            Task { [alerting] in await alerting.run() },
            Task { [logger] in
                while (try? await Task.sleep(for: Self.summaryInterval)) != nil { Self.sumUpRejections(router, logger) }
            },
        ]
        if configuration.reload.watchesFiles {
            tasks.append(
                Task { await FileWatcher().run(files: { reloader.files }, changed: { _ = await reloader.reload(.file) }) })
        }
        periodicTasks.withLock { $0 = tasks }
        ports.channel = configuration.routes.lazy.flatMap(\.channels).first { $0.isPlain }?.text
        return ports
    }

    var health: HealthReport { server.health }

    /// Stops polling, commits, hands out what is in the logs, tells clients, and closes.
    func stop() async {
        server.beginDrain()
        if configuration.server.drainDelay > .zero { try? await Task.sleep(for: configuration.server.drainDelay) }
        let start = ContinuousClock.now
        for task in periodicTasks.withLock({ $0 }) { task.cancel() }
        await reloader.stop()
        await server.stopAccepting()
        async let told: Void = stopAlerts()
        await consumers.stop()
        Self.sumUpRejections(router, logger)
        let left = Self.shutdownBudget - (ContinuousClock.now - start)
        let drained = await server.drain(timeout: max(.zero, min(configuration.server.drainTimeout, left)))
        if drained.cutShort > 0 {
            logger.warning(
                "clients did not read within half of server.drain_timeout; they were told how many messages they missed",
                metadata: ["clients": "\(drained.cutShort)", "messages": "\(drained.lost)"])
        }
        if drained.stragglers > 0 {
            logger.warning(
                "clients did not close within server.drain_timeout and were cut off", metadata: ["clients": "\(drained.stragglers)"])
        }
        await told
        await admin?.stop()
        try? await group.shutdownGracefully()
    }

    /// What is still to be told gets a last, short chance.
    private func stopAlerts() async {
        await alerting.stop()
        await http.close()
    }

    private static func eventLoops(_ settings: ServerSettings) -> Int {
        // One loop saturates a core; consumer threads and librdkafka need one too.
        settings.eventLoops > 0 ? settings.eventLoops : max(1, System.coreCount - 1)
    }

    /// Says how many refused records the log hasn't mentioned: a flood of them is a line a second, and its end none.
    private static func sumUpRejections(_ router: RoutingHub, _ logger: Logger) {
        for route in router.table.routes {
            // A line per code: repeated ones are added up, each with its own.
            for (code, count) in route.counters.takeHeldBackReports().sorted(by: { $0.key < $1.key }) {
                logger.warning(
                    "more records rejected", metadata: ["route": "\(route.name)", "code": "\(code)", "count": "\(count)"])
            }
        }
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
