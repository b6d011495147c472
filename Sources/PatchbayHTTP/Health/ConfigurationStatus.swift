import PatchbayDelivery

/// Which configuration is in force, and what became of the last change of the file.
public struct ConfigurationStatus: Sendable, Encodable, Equatable {
    /// Counts from 1.
    public var generation: Int
    /// Changes that came into force since the start.
    public var applied: Int
    /// Changes that were refused.
    public var refused: Int
    /// Reloads that found nothing changed.
    public var unchanged: Int
    /// When the configuration in force was put there; milliseconds since 1970.
    public var appliedAtMilliseconds: Int64
    /// Why the file as it is now was refused, in one line: its first finding, and how many there are; absent when the
    /// file is in force.
    public var error: String?
    /// Settings whose change needs a restart of the process, such as `server.port`.
    public var restartNeeded: [String]

    public init(
        generation: Int = 1, applied: Int = 0, refused: Int = 0, unchanged: Int = 0, appliedAtMilliseconds: Int64,
        error: String? = nil, restartNeeded: [String] = []
    ) {
        self.generation = generation
        self.applied = applied
        self.refused = refused
        self.unchanged = unchanged
        self.appliedAtMilliseconds = appliedAtMilliseconds
        self.error = error
        self.restartNeeded = restartNeeded
    }
}
