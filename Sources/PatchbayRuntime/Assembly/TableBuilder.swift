import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayJSON

/// Makes the core's routes and table of a configuration.
enum TableBuilder {
    /// - Parameter old: the table to be replaced with its configuration. A route that is the same in both stays the very
    ///   same object; one of the same name keeps its figures.
    static func table(
        _ configuration: RouterConfiguration, replacing old: (table: RouteTable, configuration: RouterConfiguration)? = nil
    ) -> RouteTable {
        let running = Dictionary((old?.table.routes ?? []).map { (ByteString($0.name), $0) }) { first, _ in first }
        let settings = Dictionary((old?.configuration.routes ?? []).map { (ByteString($0.name), $0) }) { first, _ in first }
        let routes = configuration.routes.filter(\.isEnabled).map { route in
            if let same = running[ByteString(route.name)], settings[ByteString(route.name)]?.isEquivalent(to: route) == true { return same }
            return self.route(route, counters: running[ByteString(route.name)]?.counters ?? RouteCounters())
        }
        return RouteTable(
            routes: routes,
            channels: configuration.channels.map { .init(name: $0.name, limits: .init(messageBuffer: $0.buffer)) },
            maxRecord: configuration.clusters.map { ($0.name, $0.maxRecord) })
    }

    private static func step(_ settings: TransformStep) -> Route.Step {
        var step = Route.Step(
            transformer: settings.transformer, takesTombstones: settings.takesTombstones, holdsRecords: settings.memory == .records,
            make: settings.factory)
        step.plugin = settings.plugin.map { Route.PluginUse(transformer: settings.shownTransformer, origin: $0) }
        return step
    }

    static func route(_ settings: RouteSettings, counters: RouteCounters = RouteCounters()) -> Route {
        Route(
            name: settings.name, cluster: settings.cluster, topics: settings.topics,
            steps: settings.steps.map(step),
            type: settings.type, channels: settings.channels,
            templateLimits: .init(
                maximumChannels: settings.maxChannels,
                idleMilliseconds: Int64(settings.channelIdle / .milliseconds(1)),
                messageBuffer: settings.templateBuffer),
            onError: settings.onError, tombstones: settings.tombstones, makeFieldReader: { JSONFieldReader(paths: $0) }, counters: counters)
    }
}
