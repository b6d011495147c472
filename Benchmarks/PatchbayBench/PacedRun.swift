import CLoad

/// One paced run, and what it took.
struct PacedRun: ~Copyable {
    let latency: Histogram
    let stats: cload_stats
    let used: Meter.Use
    let produced: cload_produced

    /// Warms up, then produces for that long and waits for everything to arrive.
    init(
        _ rig: inout Rig, _ clients: borrowing Clients, rate: Double, seconds: Double
    ) throws(BenchFailure) {
        try rig.warmUp(clients, rate: rate, seconds: 2)
        let count = UInt64(rate * seconds)
        let before = Meter(rig.server, clients)
        let produced = try rig.kafka.produce(.init(count: count, rate: rate, channels: rig.channels), for: clients)
        let used = Meter(rig.server, clients).since(before)
        rig.waitDelivered(clients, count, limit: 20)
        let latency = try Histogram()
        stats = clients.snapshot(endSequence: rig.kafka.nextSequence, latency: latency)
        self.produced = produced
        self.used = used
        self.latency = latency
    }
}
