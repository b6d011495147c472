/// What a route makes of tombstones: records without a value, by which Kafka says that a key is deleted.
public enum TombstonePolicy: String, Sendable, CaseIterable {
    /// Nothing but counting them.
    case ignore
    /// They are refused as any other bad record is.
    case reject
    /// Clients are told what was deleted.
    case message
}
