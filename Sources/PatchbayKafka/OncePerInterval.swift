/// Lets one event through per interval and counts the others.
struct OncePerInterval {
    let interval: Duration
    private var last: ContinuousClock.Instant?
    private var suppressed = 0

    init(every interval: Duration) { self.interval = interval }

    /// `nil` to stay silent; otherwise how many were silenced since the last one that got through.
    mutating func admit(at now: ContinuousClock.Instant) -> Int? {
        if let last, now - last < interval {
            suppressed += 1
            return nil
        }
        defer { suppressed = 0 }
        last = now
        return suppressed
    }
}
