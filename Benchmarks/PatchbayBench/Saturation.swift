import CLoad

/// As fast as the server takes it, without dropping: the producer stays at most `window` records ahead of the client that is
/// furthest behind.
struct Saturation {
    /// What is offered.
    struct Load {
        /// Records per second.
        var offered: Double
        /// Measured, after a ramp.
        var seconds: Double
        /// Records in flight; 0 offers them regardless, and lets the server drop.
        var window: UInt64
    }

    private static let ramp = 1.5

    let deliveriesPerSecond: Double
    let used: Meter.Use
    let stats: cload_stats
    /// The server's fan-out before and after, if it tells.
    let fanout: (before: FanoutCounters, after: FanoutCounters)?

    init(_ rig: inout Rig, _ crowd: borrowing Clients, _ load: Load) throws(BenchFailure) {
        try rig.settle(crowd)
        let fanoutBefore = rig.server.health?.fanout
        let limit = load.seconds + Self.ramp + 5
        try rig.kafka.begin(
            .init(count: UInt64(load.offered * limit), rate: load.offered, window: load.window, secondsLimit: limit), for: crowd)
        pause(seconds: Self.ramp)
        let before = Meter(rig.server, crowd)
        pause(seconds: load.seconds)
        used = Meter(rig.server, crowd).since(before)
        rig.kafka.interrupt()
        let produced = try rig.kafka.finish()
        rig.waitDelivered(crowd, produced.produced, limit: 20)
        let fanoutAfter = rig.server.health?.fanout
        stats = crowd.snapshot(endSequence: rig.kafka.nextSequence)
        deliveriesPerSecond = used.receivedBytes / Double(max(stats.frame_bytes, 1)) / used.seconds
        if let fanoutBefore, let fanoutAfter { fanout = (fanoutBefore, fanoutAfter) } else { fanout = nil }
    }

    /// By the server's own count, since the kernel's in /proc leaves out `send()`; 0 when it doesn't tell.
    var bytesPerCall: Double {
        guard let fanout, fanout.after.writes > fanout.before.writes else { return 0 }
        return Double(fanout.after.bytesWritten - fanout.before.bytesWritten) / Double(fanout.after.writes - fanout.before.writes)
    }
}
