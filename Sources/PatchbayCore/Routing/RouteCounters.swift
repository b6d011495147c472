import PatchbayAPI
import Synchronization

/// What became of one route's records. Written once per batch, read from anywhere.
public final class RouteCounters: Sendable {
    private let recordsIn = Atomic<Int64>(0)
    private let routed = Atomic<Int64>(0)
    private let filtered = Atomic<Int64>(0)
    private let tombstonesIgnored = Atomic<Int64>(0)
    private let envelopes = Atomic<Int64>(0)
    private let held = Atomic<Int64>(0)
    private let abandoned = Atomic<Int64>(0)
    private let deadLettered = Atomic<Int64>(0)
    private let rejectedByCode = Mutex<[String: Int64]>([:])
    private let heldBack = Mutex<[String: Int]>([:])
    private let haltedAt = Mutex<RejectedRecord?>(nil)
    private let plugins = Mutex<[ByteString: PluginCounters]>([:])

    public init() {}

    /// A copy of the counters at one moment. A record of which one message went out and another could not counts as
    /// routed and as rejected.
    public struct Snapshot: Sendable, Equatable {
        public var recordsIn: Int64 = 0
        /// Records that became at least one envelope.
        public var routed: Int64 = 0
        /// Records an option left out on purpose.
        public var filtered: Int64 = 0
        /// Records without a value that the route doesn't care for.
        public var tombstonesIgnored: Int64 = 0
        /// Records that steps hold now, for later.
        public var held: Int64 = 0
        /// Records that were held and never handed out.
        public var abandoned: Int64 = 0
        /// Messages appended to channels.
        public var envelopes: Int64 = 0
        /// Refused records handed to the dead-letter topic.
        public var deadLettered: Int64 = 0
        /// Records that broke a rule, by the rejection's code.
        public var rejected: [String: Int64] = [:]
    }

    func add(recordsIn: Int, routed: Int, filtered: Int, tombstonesIgnored: Int, envelopes: Int) {
        self.recordsIn.wrappingAdd(Int64(recordsIn), ordering: .relaxed)
        self.routed.wrappingAdd(Int64(routed), ordering: .relaxed)
        self.filtered.wrappingAdd(Int64(filtered), ordering: .relaxed)
        self.tombstonesIgnored.wrappingAdd(Int64(tombstonesIgnored), ordering: .relaxed)
        self.envelopes.wrappingAdd(Int64(envelopes), ordering: .relaxed)
    }

    func addHeld(_ change: Int, abandoned count: Int = 0) {
        held.wrappingAdd(Int64(change), ordering: .relaxed)
        abandoned.wrappingAdd(Int64(count), ordering: .relaxed)
    }

    func addRejected(code: String) { rejectedByCode.withLock { $0[code, default: 0] += 1 } }

    /// A refused record was counted and not reported, because another one was within the last second.
    func holdBackReport(code: String) { heldBack.withLock { $0[code, default: 0] += 1 } }

    /// Refused records that no report has mentioned yet, by code; from now on they count as mentioned.
    public func takeHeldBackReports() -> [String: Int] {
        heldBack.withLock { held in
            defer { held = [:] }
            return held
        }
    }

    /// The same for one code alone.
    func takeHeldBackReports(code: String) -> Int { heldBack.withLock { $0.removeValue(forKey: code) ?? 0 } }

    /// What a plugin behind a transformer counts, also across reloads.
    package func plugin(_ transformer: String) -> PluginCounters {
        plugins.withLock { plugins in
            if let known = plugins[ByteString(transformer)] { return known }
            let counters = PluginCounters()
            plugins[ByteString(transformer)] = counters
            return counters
        }
    }

    func addDeadLettered() { deadLettered.wrappingAdd(1, ordering: .relaxed) }

    /// The record at which a route with `on_error: stop` stopped; `nil` while it goes on.
    public var halt: RejectedRecord? { haltedAt.withLock { $0 } }

    func halted(at record: RejectedRecord?) { haltedAt.withLock { $0 = record } }

    public var snapshot: Snapshot {
        Snapshot(
            recordsIn: recordsIn.load(ordering: .relaxed),
            routed: routed.load(ordering: .relaxed),
            filtered: filtered.load(ordering: .relaxed),
            tombstonesIgnored: tombstonesIgnored.load(ordering: .relaxed),
            held: held.load(ordering: .relaxed),
            abandoned: abandoned.load(ordering: .relaxed),
            envelopes: envelopes.load(ordering: .relaxed),
            deadLettered: deadLettered.load(ordering: .relaxed),
            rejected: rejectedByCode.withLock { $0 })
    }
}
