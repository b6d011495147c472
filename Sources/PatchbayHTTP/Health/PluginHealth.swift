import PatchbayAPI
import PatchbayCore

/// What `/health` says about the plugins of a route.
enum PluginHealth {
    /// Why somebody should look; `nil` when nobody needs to.
    static func reason(_ route: String, _ use: Route.PluginUse, _ figures: PluginCounters.Snapshot) -> String? {
        guard let failed = figures.failedBatches else { return nil }
        let why = figures.lastFailure.map { ": it \($0.reason)" } ?? ""
        let next =
            figures.pause.map { "records are rejected, and it is tried again in \($0.readable)" }
            ?? "it is tried again with the next record"
        return "plugin \(use.origin.name) has failed \(failed) batches in a row on route \(route)\(why); \(next)"
    }

    static func report(_ route: Route) -> [HealthReport.Plugin]? {
        let now = Timestamp.nowMilliseconds()
        let plugins = route.plugins.map { use, counters in
            let figures = counters.snapshot()
            return HealthReport.Plugin(
                transformer: use.transformer, plugin: use.origin.name, runsIn: use.origin.place.rawValue,
                batches: figures.batches.reduce(0, +), batchSeconds: figures.seconds, failures: figures.failures,
                restarts: figures.restarts, instances: figures.instances, memoryBytes: figures.memory,
                lastFailure: figures.lastFailure?.reason,
                lastFailureAt: figures.lastFailure.map { Timestamp.text(now - milliseconds($0.age)) },
                failedBatches: figures.failedBatches, pausedSeconds: figures.pause.map { Double(milliseconds($0)) / 1000 })
        }
        return plugins.isEmpty ? nil : plugins
    }

    private static func milliseconds(_ time: Duration) -> Int64 {
        time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
    }
}
