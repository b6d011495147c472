#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The clocks that alerts need, replaceable in tests.
struct AlertClock: Sendable {
    /// For intervals.
    var now: @Sendable () -> ContinuousClock.Instant
    /// Milliseconds since 1970, for the eyes.
    var wallMilliseconds: @Sendable () -> Int64
    /// Throws when the task is cancelled.
    var sleep: @Sendable (Duration) async throws -> Void

    init(
        now: @escaping @Sendable () -> ContinuousClock.Instant, wallMilliseconds: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
        self.sleep = sleep
    }

    static let system = AlertClock(
        now: { .now },
        wallMilliseconds: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        },
        sleep: { try await Task.sleep(for: $0) })
}
