/// What a pass handed out, by the age of the records: gathered while it runs, and turned into delays when its writes
/// have gone to the sockets.
///
/// A batch counts with its oldest record. Delays are therefore overstated by up to the time in which the batch came
/// together, a pass at the most, and never understated.
///
/// Thread: loop.
struct DeliveryDelays {
    /// Entries gathered before they are turned into delays early, so that a pass over thousands of stalled subscribers
    /// doesn't make this grow.
    private static let mostEntries = 4096
    /// Milliseconds. A record that is older counts as this old: one that was written with a time of years ago would
    /// drown every other in the histogram's sum, for as long as the process runs.
    static let longest: Int64 = 3_600_000

    private var entries: [(oldest: Int64, deliveries: Int64)] = []
    private var buffer = HistogramBuffer(bounds: HistogramBounds.delay)

    /// - Parameter oldest: milliseconds since 1970 of the oldest record; negative when no record has a timestamp.
    mutating func add(oldest: Int64, deliveries: Int64) {
        guard oldest >= 0, deliveries > 0 else { return }
        if let last = entries.indices.last, entries[last].oldest == oldest {
            entries[last].deliveries += deliveries
            return
        }
        if entries.count >= Self.mostEntries { settle(nowMilliseconds: Timestamp.nowMilliseconds()) }
        entries.append((oldest, deliveries))
    }

    /// The writes are done: counts what was gathered.
    mutating func finish(into histogram: Histogram) {
        guard !entries.isEmpty else { return }
        settle(nowMilliseconds: Timestamp.nowMilliseconds())
        histogram.take(&buffer)
    }

    private mutating func settle(nowMilliseconds now: Int64) {
        for entry in entries {
            // A producer's clock may be ahead of ours.
            buffer.observe(Double(min(max(0, now - entry.oldest), Self.longest)) / 1000, times: entry.deliveries)
        }
        entries.removeAll(keepingCapacity: true)
    }
}
