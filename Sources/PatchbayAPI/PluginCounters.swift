import Synchronization

/// Whose work a step's plugin is, and where it runs.
package struct PluginOrigin: Sendable, Equatable {
    /// Where instances of a plugin run.
    package enum Place: String, Sendable {
        case router
        case process
        case webassembly
    }

    /// What people call the plugin: its path.
    package let name: String
    package let place: Place

    package init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// A transformer whose work a plugin does.
package protocol PluginStep: Transformer {
    /// It works for a route from now on, and what becomes of batches and instances is counted there. Called before the first batch.
    ///
    /// Thread: consumer.
    func begin(on route: String, countingInto counters: PluginCounters)
}

/// Memory that belongs to one instance of a plugin, outside of what the router takes for itself.
///
/// Thread: any, while the instance lives.
package protocol PluginMemory: AnyObject, Sendable {
    /// What it takes now; `nil` when that can't be found out.
    var bytes: Int? { get }
}

/// What becomes of one plugin on one route: of its batches and of its instances, one for each consumer thread.
///
/// Thread: any; one lock, taken once a batch and whenever an instance comes or goes.
package final class PluginCounters: Sendable {
    /// Seconds of a batch: upper bounds of ranges.
    package static let bounds: [Double] = [
        0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10,
    ]
    /// Batches in a row that come to nothing before somebody should look.
    package static let patience = 3

    /// What broke an instance last.
    package struct Failure: Sendable, Equatable {
        /// Completes "the plugin …". Not the plugin's words: anybody may read it.
        package var reason: String
        package var age: Duration
    }

    /// A copy at one moment. Figures count from the start of the process.
    package struct Snapshot: Sendable, Equatable {
        /// Batches by their time, a last range without bound included; not added up.
        package var batches: [Int64]
        /// Time that all batches took together, new instances and repeated records included.
        package var seconds: Double
        /// Instances that broke or could not be made.
        package var failures: Int64
        /// Instances that were made in place of one that broke.
        package var restarts: Int64
        package var lastFailure: Failure?
        /// Instances that there are.
        package var instances: Int
        /// What they take together, beside the router's own memory; `nil` where they run in it, or when that is unknown.
        package var memory: Int?
        /// Batches in a row that came to nothing, where they are more than `patience`.
        package var failedBatches: Int?
        /// When an instance is made again.
        package var pause: Duration?
    }

    /// One transformer.
    private struct Member {
        var hasInstance = false
        var memory: (any PluginMemory)?
        var failedBatches = 0
        var pauseEnd: ContinuousClock.Instant?
    }

    private struct State {
        var batches = [Int64](repeating: 0, count: PluginCounters.bounds.count + 1)
        var seconds = 0.0
        var failures: Int64 = 0
        var restarts: Int64 = 0
        var lastFailure: (reason: String, time: ContinuousClock.Instant)?
        var members: [ObjectIdentifier: Member] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func countBatch(_ time: Duration) {
        let parts = time.components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        var range = 0
        while range < Self.bounds.count, seconds > Self.bounds[range] { range += 1 }
        state.withLock { state in
            state.batches[range] += 1
            state.seconds += seconds
        }
    }

    /// A transformer has an instance now. Before it goes, `ended` or `failed` follows.
    package func began(_ transformer: any PluginStep, memory: (any PluginMemory)?, isRestart: Bool) {
        change(transformer) { state, member in
            member.hasInstance = true
            member.memory = memory
            if isRestart { state.restarts += 1 }
        }
    }

    /// Its instance broke, or none could be made.
    ///
    /// - Parameter reason: completes "the plugin …".
    package func failed(_ transformer: any PluginStep, because reason: String, at now: ContinuousClock.Instant = .now) {
        change(transformer) { state, member in
            member.hasInstance = false
            member.memory = nil
            state.failures += 1
            state.lastFailure = (reason, now)
        }
    }

    /// How many batches in a row came to nothing; a good one ends that.
    package func sawBatches(_ transformer: any PluginStep, failed count: Int, pauseEnd: ContinuousClock.Instant?) {
        change(transformer) { _, member in
            member.failedBatches = count
            member.pauseEnd = pauseEnd
        }
    }

    /// A transformer is gone, and its instance with it.
    package func left(_ transformer: ObjectIdentifier) { state.withLock { _ = $0.members.removeValue(forKey: transformer) } }

    private func change(_ transformer: any PluginStep, _ body: (inout State, inout Member) -> Void) {
        state.withLock { state in
            var member = state.members[ObjectIdentifier(transformer)] ?? Member()
            body(&state, &member)
            state.members[ObjectIdentifier(transformer)] = member
        }
    }

    package func snapshot(at now: ContinuousClock.Instant = .now) -> Snapshot {
        state.withLock { state in
            let members = state.members.values
            // With the lock: an instance that is being asked for its memory must not go meanwhile.
            let memory = members.compactMap { $0.memory?.bytes }
            let failed = members.map(\.failedBatches).max() ?? 0
            return Snapshot(
                batches: state.batches, seconds: state.seconds, failures: state.failures, restarts: state.restarts,
                lastFailure: state.lastFailure.map { Failure(reason: $0.reason, age: now - $0.time) },
                instances: members.count { $0.hasInstance },
                memory: memory.isEmpty ? nil : memory.reduce(0, +), failedBatches: failed > Self.patience ? failed : nil,
                pause: members.compactMap { $0.pauseEnd.flatMap { $0 > now ? $0 - now : nil } }.max())
        }
    }
}
