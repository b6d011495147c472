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
        "address", "also", "also_rejected", "away", "behind", "client", "clients", "connection", "count", "duration_s", "failed_attempts", "lag", "lost",
        "partition", "peak_lag", "record_offset", "records", "retry_in_ms", "seconds", "since", "suppressed", "trace_id",
        "traceparent", "user_agent",
    ]
}
