import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The clocks that logging needs, replaceable in tests.
struct LogTime: Sendable {
    /// For intervals.
    var now: @Sendable () -> ContinuousClock.Instant
    /// Milliseconds since 1970, for the eyes.
    var wallMilliseconds: @Sendable () -> Int64
    /// Calls back once after an interval, on any thread.
    var after: @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wallMilliseconds: @escaping @Sendable () -> Int64,
        after: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void
    ) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
        self.after = after
    }

    /// The machine's clocks. Callbacks come on a queue of Dispatch, so that they come even when Swift's concurrency
    /// pool is busy, which is when logs matter.
    static let system = LogTime(
        now: { .now },
        wallMilliseconds: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        },
        after: { interval, body in
            let milliseconds = max(1, Int((interval / .milliseconds(1)).rounded(.up)))
            DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .milliseconds(milliseconds), execute: body)
        })
}
