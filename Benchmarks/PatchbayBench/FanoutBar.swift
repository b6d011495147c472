import ArgumentParser
import CLoad

/// B1: one channel, a thousand clients, everything from the embedded Kafka to the sockets.
struct FanoutBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b1", abstract: "Fan-out: sustained rate, then saturation against the raw-send floor.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients.") var clients = 1_000
    @Option(help: "Records per second of the sustained part.") var rate = 10_000.0
    @Option(help: "Seconds of the sustained part.") var seconds = 10.0
    @Option(help: "Records per second offered at saturation.") var offered = 60_000.0
    @Option(help: "Seconds measured at saturation.") var saturationSeconds = 5.0
    @Option(help: "Records in flight at saturation; 0 offers them regardless, and lets the server drop.")
    var window: UInt64 = 12_000

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B1", "fan-out to \(clients) clients, \(rounded(rate)) records/s")
        var rig = try Rig(options, maxClients: clients + 100)
        let frameBytes: Int
        let saturation: Saturation
        do {
            let crowd = try Clients(rig.clientSettings(clients))
            try crowd.waitReady(seconds: 30)
            try rig.warmUp(crowd, rate: rate, seconds: 2)
            try fillSocketMemory(&rig, crowd)
            try rig.settle(crowd)
            try measureSustained(&rig, crowd, &report)
            saturation = try saturate(&rig, crowd, &report)
            frameBytes = Int(crowd.snapshot().frame_bytes)
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)

        // Nothing else runs now; so the floor has both cores to itself, which the server hadn't.
        let floor = try FloorMeasurement.best(
            connections: clients, frameBytes: frameBytes, bytesPerCall: saturation.bytesPerCall, options: options)
        let ratio = saturation.deliveriesPerSecond / floor.deliveriesPerSecond
        report.figure("floor_deliveries_per_s", floor.deliveriesPerSecond)
        report.figure("floor_bytes_per_call", floor.bytesPerCall)
        report.figure("floor_sender_cores", floor.senderCores)
        report.figure("floor_generator_drain_cores", floor.drainCores)
        report.figure("floor_other_programs_cores", floor.otherCores)
        report.figure("saturation_to_floor_ratio", ratio)
        // A busy neighbour slows whichever part it meets, and the ratio is worth nothing then.
        report.check(
            "the ratio was taken on a quiet machine: others used \(rounded(saturation.used.otherCores)) cores at saturation and "
                + "\(rounded(floor.otherCores)) beside the floor, at most 0.15 may be",
            max(saturation.used.otherCores, floor.otherCores) <= 0.15)
        report.check("at saturation at least 0.9 of the floor: \(rounded(ratio))", ratio >= 0.9)
        report.summary +=
            "; saturation \(millions(saturation.deliveriesPerSecond)) deliveries/s at "
            + "\(rounded(saturation.bytesPerCall / 1e3)) KB per call, \(rounded(ratio)) of the floor's "
            + millions(floor.deliveriesPerSecond)
        return report
    }

    /// Has the kernel write once to all memory that sockets may need, some 1.5 GB, so that no part pays for it.
    ///
    /// A virtual machine that reports its free pages (`page_reporting`) loses them to its host within a minute, and the first write to
    /// each costs 6 to 10 µs instead of 1.5: a backlog of 300 ms, 80,000 pages, then takes most of a second longer to be sent, with the
    /// loop in the kernel's copying (`_copy_from_iter`) for 94 % of it.
    private func fillSocketMemory(_ rig: inout Rig, _ crowd: borrowing Clients) throws(BenchFailure) {
        _ = try Saturation(&rig, crowd, .init(offered: offered, seconds: 1, window: window))
    }

    private func measureSustained(
        _ rig: inout Rig, _ crowd: borrowing Clients, _ report: inout BarReport
    ) throws(BenchFailure) {
        let count = UInt64(rate * seconds)
        let latency = try Histogram()
        let before = Meter(rig.server, crowd)
        let produced = try rig.kafka.produce(.init(count: count, rate: rate), for: crowd)
        let used = Meter(rig.server, crowd).since(before)
        rig.waitDelivered(crowd, count, limit: 20)
        let stats = crowd.snapshot(endSequence: rig.kafka.nextSequence, latency: latency)
        report.addLatency("sustained", latency)
        report.figure("sustained_seconds_to_produce", Double(produced.elapsed_ns) / 1e9)
        report.figure("sustained_producer_max_late_ms", Double(produced.max_late_ns) / 1e6)
        report.figure("sustained_dropped_messages", Double(stats.gap_dropped))
        report.figure("frame_bytes", Double(stats.frame_bytes))
        report.add("sustained", used)
        let p99 = latency.milliseconds(0.99)
        report.check(
            "the pace was held: \(rounded(Double(produced.elapsed_ns) / 1e9)) s for \(rounded(seconds)) s",
            Double(produced.elapsed_ns) / 1e9 < seconds * 1.02)
        report.check("nothing dropped: \(stats.accounting)", stats.isComplete)
        report.check("p99 under 50 ms: \(rounded(p99)) ms", p99 < 50)
        report.summary =
            "\(stats.isComplete ? "nothing dropped" : "INCOMPLETE"), p50 \(rounded(latency.milliseconds(0.5))) ms, "
            + "p99 \(rounded(p99)) ms, server \(rounded(used.serverCores)) cores"
    }

    private func saturate(
        _ rig: inout Rig, _ crowd: borrowing Clients, _ report: inout BarReport
    ) throws(BenchFailure) -> Saturation {
        try fillSocketMemory(&rig, crowd)
        let saturation = try Saturation(&rig, crowd, .init(offered: offered, seconds: saturationSeconds, window: window))
        let stats = saturation.stats
        report.figure("saturation_deliveries_per_s", saturation.deliveriesPerSecond)
        report.figure("saturation_records_per_s", saturation.deliveriesPerSecond / Double(clients))
        report.figure("saturation_dropped_messages", Double(stats.gap_dropped))
        report.add("saturation", saturation.used)
        report.check("at saturation all is accounted for: \(stats.accounting)", stats.sampled_exact == stats.sampled)
        if let fanout = saturation.fanout {
            report.figure("saturation_passes", Double(fanout.after.passes - fanout.before.passes))
        }
        guard saturation.bytesPerCall > 0 else {
            throw BenchFailure("/health (`fanout`) doesn't tell the server's bytes per call, which the floor needs")
        }
        report.figure("saturation_bytes_per_call", saturation.bytesPerCall)
        return saturation
    }
}
