public import PatchbayAPI

/// Where refused records of routes with `on_error: dead_letter` go: a topic of the cluster they came from.
///
/// Thread: consumer.
public protocol DeadLetterWriter: AnyObject {
    /// Takes a copy of one refused record.
    ///
    /// - Parameters:
    ///   - record: as it came from Kafka, borrowed.
    ///   - topic: the dead-letter topic.
    /// - Returns: whether it was taken. If not, it is lost: `settle` counts it.
    func write(_ record: Record, refused: RejectedRecord, to topic: String) -> Bool

    /// Waits, for a bounded time, until everything written since the last call is acknowledged, so that record offsets
    /// may be stored. What is not acknowledged by then has been logged.
    ///
    /// - Returns: how many were not, or not even taken by `write`.
    func settle() -> Int
}
