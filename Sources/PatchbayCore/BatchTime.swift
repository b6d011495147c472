/// The moment a batch is processed at, by both clocks: read once per batch.
struct BatchTime {
    /// What clients see. Milliseconds since 1970.
    var wall: Int64
    /// What ages and intervals are made of, since it doesn't jump. Milliseconds of the monotonic clock.
    var monotonic: Int64

    static func now() -> BatchTime {
        BatchTime(wall: Timestamp.nowMilliseconds(), monotonic: MonotonicTime.nowMilliseconds())
    }
}
