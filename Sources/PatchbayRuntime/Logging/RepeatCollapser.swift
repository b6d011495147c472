import Logging

/// Which lines count as the same one, and for how long.
struct RepeatPolicy: Sendable, Equatable {
    /// Repetitions within this time of a line are counted instead of written. Zero or less: everything is written.
    var window: Duration
    /// Lines are the same when level, label, message and all metadata are, but for these keys: they say where, to whom and
    /// how much it happened again, not what happened.
    var varyingKeys: Set<String>
    /// How many different lines are watched at a time; others are written as they come. Memory is bounded by this times
    /// twice `RepeatPolicy.maximumWeight`.
    var capacity: Int
    /// Lines below it are all written: who reads `debug` wants to see each.
    var lowestLevel: Logger.Level

    /// Bytes of a line above which it is written as it comes, because remembering it would cost too much.
    static let maximumWeight = 4096

    init(
        window: Duration = .seconds(5), varyingKeys: Set<String> = RepeatPolicy.commonVaryingKeys, capacity: Int = 1000,
        lowestLevel: Logger.Level = .info
    ) {
        self.window = window
        self.varyingKeys = varyingKeys
        self.capacity = max(0, capacity)
        self.lowestLevel = lowestLevel
    }

    /// Varying keys that count something: the sum line has the sum over all lines it stands for. Others have the last value.
    static let summedKeys: Set<String> = ["also", "also_rejected", "count", "lost", "suppressed"]

    /// A key that isn't here keeps lines apart: at worst a line too many is written, but none is lost.
    static let commonVaryingKeys: Set<String> = [
        "address", "also", "also_rejected", "away", "behind", "client", "clients", "connection", "count", "duration_s", "failed_attempts",
        "lag", "lost",
        "partition", "peak_lag", "record_offset", "records", "retry_in_ms", "seconds", "since", "suppressed", "trace_id",
        "traceparent", "user_agent",
    ]
}

/// Decides which lines are written: the first of its kind at once, those that follow within a window as one count.
///
/// Pure: time comes in, lines come out.
struct RepeatCollapser {
    typealias Instant = ContinuousClock.Instant

    private struct Key: Hashable {
        var level: Logger.Level
        var label: String
        var message: String
        var identity: [String: String]
    }

    private struct Entry {
        var windowStart: Instant
        var repetitions = 0
        /// The last repetition; `nil` while there is none.
        var last: LogLine?
        /// What the repetitions count together, by key.
        var sums: [String: Int] = [:]
    }

    private let policy: RepeatPolicy
    private var entries: [Key: Entry] = [:]

    init(_ policy: RepeatPolicy) { self.policy = policy }

    /// How many different lines are being watched.
    var watched: Int { entries.count }

    /// Whether a line may be written now. If not, it was counted.
    mutating func admit(_ line: LogLine, at now: Instant) -> Bool {
        guard policy.window > .zero, line.level >= policy.lowestLevel, line.weight <= RepeatPolicy.maximumWeight
        else { return true }
        var identity: [String: String] = [:]
        for (key, value) in line.metadata where !policy.varyingKeys.contains(key) { identity[key] = "\(value)" }
        let key = Key(level: line.level, label: line.label, message: line.message, identity: identity)
        if entries[key] != nil {
            entries[key]?.repetitions += 1
            entries[key]?.last = line
            for name in RepeatPolicy.summedKeys {
                guard let value = line.metadata[name].flatMap({ Int("\($0)") }) else { continue }
                let sum = (entries[key]?.sums[name] ?? 0).addingReportingOverflow(value)
                entries[key]?.sums[name] = sum.overflow ? .max : sum.partialValue
            }
            return false
        }
        if entries.count < policy.capacity { entries[key] = Entry(windowStart: now) }
        return true
    }

    /// When `due(at:)` has something to do next; `nil` while nothing is watched.
    var nextDue: Instant? { entries.values.map(\.windowStart).min().map { $0 + policy.window } }

    /// The counts of the windows that have ended. A line that was repeated goes on being counted, in a new window; one
    /// that wasn't is forgotten.
    mutating func due(at now: Instant) -> [LogLine] {
        let window = policy.window
        return close(at: now) { now - $0.windowStart >= window }
    }

    /// All counts; everything is forgotten.
    mutating func flush(at now: Instant) -> [LogLine] {
        defer { entries = [:] }
        return close(at: now) { _ in true }
    }

    private mutating func close(at now: Instant, where isOver: (Entry) -> Bool) -> [LogLine] {
        var ended: [(start: Instant, line: LogLine)] = []
        for (key, entry) in entries where isOver(entry) {
            guard let last = entry.last else {
                entries[key] = nil
                continue
            }
            ended.append((entry.windowStart, summary(of: entry, last, at: now)))
            entries[key] = Entry(windowStart: now)
        }
        return ended.sorted { $0.start < $1.start }.map(\.line)
    }

    private func summary(of entry: Entry, _ last: LogLine, at now: Instant) -> LogLine {
        var line = last
        let seconds = max(1, Int(((now - entry.windowStart) / .seconds(1)).rounded()))
        let times = entry.repetitions == 1 ? "once" : "\(entry.repetitions) times"
        line.message += " (repeated \(times) in \(seconds) s)"
        for (name, sum) in entry.sums { line.metadata[name] = .stringConvertible(sum) }
        line.metadata["repeated"] = .stringConvertible(entry.repetitions)
        return line
    }
}
