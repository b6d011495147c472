import NIOCore
import PatchbayAPI
import PatchbayCore
import PatchbayDelivery

/// Where the figures of `GET /metrics` come from.
public struct MetricsSources: Sendable {
    /// Named in `patchbay_build_info`.
    public var version: String
    public var consumption: @Sendable () -> ConsumptionSnapshot
    public var alerts: @Sendable () -> AlertSnapshot

    public init(
        version: String = "unknown", consumption: @escaping @Sendable () -> ConsumptionSnapshot = { ConsumptionSnapshot() },
        alerts: @escaping @Sendable () -> AlertSnapshot = { AlertSnapshot() }
    ) {
        self.version = version
        self.consumption = consumption
        self.alerts = alerts
    }
}

/// What `GET /metrics` answers.
///
/// Thread: any. Takes every channel's lock once, each for the time of a copy.
struct MetricsCollector {
    /// Channels with series of their own; those beyond are summed up under `_other`, so that a file with very many
    /// channels doesn't flood the database.
    static let mostChannels = MetricsWriter.mostSeries

    let sources: MetricsSources
    let router: RoutingHub
    /// Clients and limits; asked once per page.
    let clients: @Sendable () -> ClientSnapshot
    let configuration: @Sendable () -> ConfigurationStatus
    let status: @Sendable () -> HealthReport.Status

    /// Connections of the listener.
    struct ClientSnapshot {
        var connections = 0
        var limit = 0
        var pending = 0
        var opened: Int64 = 0
        var refusals: [(limit: String, count: Int64)] = []
    }

    func bytes() -> ByteBuffer {
        var writer = MetricsWriter()
        writeServer(&writer)
        writeChannels(&writer)
        writeDelivery(&writer)
        writeRoutes(&writer)
        writePlugins(&writer)
        writeKafka(&writer)
        writeAlerts(&writer)
        writeConfiguration(&writer)
        Self.writeProcess(&writer)
        let leftOut = writer.leftOut
        writer.write(MetricFamilies.leftOut, leftOut.map { ([$0.metric], Double($0.series)) })
        return writer.page
    }

    private func writeServer(_ writer: inout MetricsWriter) {
        let clients = clients()
        writer.write(MetricFamilies.build, [([sources.version], 1)])
        let health =
            switch status() {
            case .ok: 1.0
            case .degraded: 0.5
            case .unavailable: 0.0
            }
        writer.write(MetricFamilies.up, health)
        writer.write(MetricFamilies.connections, Double(clients.connections))
        writer.write(MetricFamilies.connectionsLimit, Double(clients.limit))
        writer.write(MetricFamilies.pendingHandshakes, Double(clients.pending))
        writer.write(MetricFamilies.connectionsOpened, Double(clients.opened))
        writer.write(MetricFamilies.limitRefusals, clients.refusals.map { ([$0.limit], Double($0.count)) })
    }

    private func writeChannels(_ writer: inout MetricsWriter) {
        let all = router.channelSnapshots
        var shown = all.prefix(Self.mostChannels).map { ($0.name, $0.figures, $0.isTemplate ? $0.channels : nil) }
        if all.count > Self.mostChannels {
            let rest = all.dropFirst(Self.mostChannels - 1).reduce(into: ChannelLog.Snapshot.none) { $0.add($1.figures) }
            shown.removeLast()
            shown.append(("_other", rest, nil))
            writer.note(leftOut: all.count - Self.mostChannels + 1, of: MetricFamilies.channelMessages)
        }
        writer.write(MetricFamilies.subscriptions, shown.map { ([$0.0], Double($0.1.subscribers)) })
        writer.write(MetricFamilies.channelMessages, shown.map { ([$0.0], Double($0.1.messages)) })
        writer.write(MetricFamilies.channelDropped, shown.map { ([$0.0], Double($0.1.dropped)) })
        writer.write(MetricFamilies.channelRetained, shown.map { ([$0.0], Double($0.1.bytesRetained)) })
        writer.write(
            MetricFamilies.templateChannels, shown.compactMap { item in item.2.map { ([item.0], Double($0)) } })
        writer.write(MetricFamilies.awaitedChannels, Double(router.awaitedChannels.count))
    }

    private func writeDelivery(_ writer: inout MetricsWriter) {
        let figures = router.fanoutSnapshot
        writer.write(MetricFamilies.deliveries, Double(figures.deliveries))
        writer.write(
            MetricFamilies.dropped,
            [(["slow_consumer"], Double(figures.dropped - figures.overrun)), (["overrun"], Double(figures.overrun))])
        let slow = router.slowSubscribers
        writer.write(MetricFamilies.stalled, Double(slow.stalled))
        writer.write(MetricFamilies.losing, Double(slow.losing))
        writer.write(MetricFamilies.furthestBehind, Double(slow.furthestBehind))
        writer.write(MetricFamilies.delay, router.deliveryDelay)
        writer.write(MetricFamilies.pass, router.passDuration)
        writer.write(MetricFamilies.writes, Double(figures.writes))
        writer.write(MetricFamilies.writtenBytes, Double(figures.bytesWritten))
        writer.write(MetricFamilies.roomWaits, router.roomWaitTotals.map { ([$0.channel], Double($0.milliseconds) / 1000) })
    }

    private func writeRoutes(_ writer: inout MetricsWriter) {
        let routes = router.table.routes.map { ($0.name, $0.counters.snapshot, $0.counters.halt != nil) }
        writer.write(MetricFamilies.routeRecords, routes.map { ([$0.0], Double($0.1.recordsIn)) })
        writer.write(MetricFamilies.routeRouted, routes.map { ([$0.0], Double($0.1.routed)) })
        writer.write(MetricFamilies.routeFiltered, routes.map { ([$0.0], Double($0.1.filtered)) })
        writer.write(MetricFamilies.routeTombstones, routes.map { ([$0.0], Double($0.1.tombstonesIgnored)) })
        writer.write(MetricFamilies.routeHeld, routes.map { ([$0.0], Double($0.1.held)) })
        writer.write(MetricFamilies.routeAbandoned, routes.map { ([$0.0], Double($0.1.abandoned)) })
        writer.write(
            MetricFamilies.routeRejected,
            routes.flatMap { route in
                route.1.rejected.sorted { $0.key < $1.key }.map { ([route.0, $0.key], Double($0.value)) }
            })
        writer.write(MetricFamilies.routeDeadLettered, routes.map { ([$0.0], Double($0.1.deadLettered)) })
        writer.write(MetricFamilies.routeMessages, routes.map { ([$0.0], Double($0.1.envelopes)) })
        writer.write(MetricFamilies.routeStopped, routes.map { ([$0.0], $0.2 ? 1 : 0) })
        writer.write(MetricFamilies.lostDeadLetters, Double(router.deadLettersLost))
        writer.write(MetricFamilies.waitingDeadLetters, Double(router.deadLettersWaiting))
    }

    private func writePlugins(_ writer: inout MetricsWriter) {
        let plugins = router.table.routes.flatMap { route in
            route.plugins.map { ([route.name, $0.use.transformer, $0.use.origin.name], $0.counters.snapshot()) }
        }
        writer.write(
            MetricFamilies.pluginBatch,
            plugins.map { labels, figures in
                (labels, Histogram.Snapshot(bounds: PluginCounters.bounds, counts: figures.batches, sum: figures.seconds))
            })
        writer.write(MetricFamilies.pluginFailures, plugins.map { ($0.0, Double($0.1.failures)) })
        writer.write(MetricFamilies.pluginRestarts, plugins.map { ($0.0, Double($0.1.restarts)) })
        writer.write(MetricFamilies.pluginInstances, plugins.map { ($0.0, Double($0.1.instances)) })
        writer.write(
            MetricFamilies.pluginMemory, plugins.compactMap { labels, figures in figures.memory.map { (labels, Double($0)) } })
        writer.write(MetricFamilies.pluginFailing, plugins.map { ($0.0, $0.1.failedBatches == nil ? 0 : 1) })
    }

    private func writeKafka(_ writer: inout MetricsWriter) {
        let clusters = sources.consumption().clusters
        writer.write(MetricFamilies.brokersReachable, clusters.map { ([$0.name], $0.isReachable ? 1 : 0) })
        writer.write(MetricFamilies.consumerRestarts, clusters.map { ([$0.name], Double($0.restarts)) })
        writer.write(MetricFamilies.commitFailures, clusters.map { ([$0.name], Double($0.commitFailures)) })
        writer.write(MetricFamilies.throttle, clusters.map { ([$0.name], Double($0.throttleMilliseconds) / 1_000) })
        writer.write(MetricFamilies.throttled, clusters.map { ([$0.name], Double($0.throttledMilliseconds) / 1_000) })
        let topics = clusters.flatMap { cluster in cluster.topics.map { ([cluster.name, $0.topic], $0) } }
        writer.write(MetricFamilies.consumed, topics.map { ($0.0, Double($0.1.records)) })
        writer.write(MetricFamilies.unreadable, topics.map { ($0.0, Double($0.1.unreadable)) })
        writer.write(MetricFamilies.skipped, topics.map { ($0.0, Double($0.1.skipped)) })
        writer.write(
            MetricFamilies.topicPartitions,
            topics.compactMap { topic in topic.1.partitionCount.map { (topic.0, Double($0)) } })
        writer.write(MetricFamilies.assigned, topics.map { ($0.0, Double($0.1.partitions.count)) })
        writer.write(
            MetricFamilies.lag,
            topics.flatMap { topic in
                topic.1.partitions.compactMap { partition in
                    partition.lag.map { (topic.0 + ["\(partition.partition)"], Double($0)) }
                }
            })
        writer.write(MetricFamilies.batch, router.batchSizes.snapshot)
    }

    private func writeAlerts(_ writer: inout MetricsWriter) {
        let alerts = sources.alerts()
        writer.write(MetricFamilies.alertActive, alerts.active.map { ([$0.alert, $0.cluster, $0.topic], 1) })
        writer.write(
            MetricFamilies.webhook,
            [
                (["sent"], Double(alerts.webhookSent)), (["failed"], Double(alerts.webhookFailed)),
                (["dropped"], Double(alerts.webhookDropped)),
            ])
    }

    private func writeConfiguration(_ writer: inout MetricsWriter) {
        let reload = configuration()
        writer.write(MetricFamilies.generation, Double(reload.generation))
        writer.write(
            MetricFamilies.reloads,
            [
                (["applied"], Double(reload.applied)), (["refused"], Double(reload.refused)),
                (["unchanged"], Double(reload.unchanged)),
            ])
        writer.write(MetricFamilies.reloadSuccessful, reload.error == nil ? 1 : 0)
        writer.write(MetricFamilies.reloadTime, Double(reload.appliedAtMilliseconds) / 1000)
        writer.write(MetricFamilies.restartNeeded, Double(reload.restartNeeded.count))
    }

    private static func writeProcess(_ writer: inout MetricsWriter) {
        let process = ProcessSnapshot.read()
        for (family, value) in [
            (MetricFamilies.cpu, process.cpuSeconds), (MetricFamilies.resident, process.residentBytes),
            (MetricFamilies.virtual, process.virtualBytes), (MetricFamilies.openFiles, process.openFiles),
            (MetricFamilies.maximumFiles, process.maximumFiles), (MetricFamilies.started, process.started),
            (MetricFamilies.threads, process.threads),
        ] {
            if let value { writer.write(family, value) }
        }
    }
}
