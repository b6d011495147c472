import Logging

/// Which lines count as the same one, and for how long.
public struct RepeatPolicy: Sendable, Equatable {
    /// Repetitions within this time of a line are counted instead of written. Zero or less: everything is written.
    public var window: Duration
    /// Lines are the same when level, label, message and the values of these metadata keys are. What else they carry
    /// (record offsets, partitions, connections, counts) is where it happened again, not what happened.
    public var identifyingKeys: Set<String>
    /// How many different lines are watched at a time; others are written as they come. Memory is bounded by this times
    /// twice `RepeatPolicy.maximumWeight`.
    public var capacity: Int
    /// Lines below it are all written: who reads `debug` wants to see each.
    public var lowestLevel: Logger.Level

    /// Bytes of a line above which it is written as it comes, because remembering it would cost too much.
    public static let maximumWeight = 4096

    public init(
        window: Duration = .seconds(5), identifyingKeys: Set<String> = RepeatPolicy.commonKeys, capacity: Int = 1000,
        lowestLevel: Logger.Level = .info
    ) {
        self.window = window
        self.identifyingKeys = identifyingKeys
        self.capacity = max(0, capacity)
        self.lowestLevel = lowestLevel
    }

    /// What a line of Patchbay is about.
    public static let commonKeys: Set<String> = [
        "alert", "channel", "cluster", "code", "error", "facility", "field", "group", "path", "plugin", "reason",
        "route", "setting", "settings", "signal", "status", "topic", "topics", "transformer", "trigger", "url",
    ]
}
