import ArgumentParser
import BenchStatistics
import CLoad

/// B6: one client that hardly reads, among a thousand that do.
struct SlowReaderBar: Bar {
    static let configuration = CommandConfiguration(commandName: "b6", abstract: "A slow reader among many clients.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients that keep up.") var clients = 1_000
    @Option(help: "Records per second.") var rate = 2_000.0
    // The kernel holds up to two seconds' worth for the slow reader before the server notices; the channel's buffer is another one.
    @Option(help: "Seconds of each part.") var seconds = 4.0
    @Option(help: "Pairs of parts, one without the slow reader and one with it.") var pairs = 10
    @Option(help: "Bytes per second of the slow reader.") var slowBytes = 50_000
    @Option(help: "Messages a client may be behind.") var buffer = 2_000

    /// The others' p99 with the slow reader, as a factor of that without, from which on it is harmed.
    private static let harm = 1.15
    /// How often chance may say that it isn't.
    private static let alpha = 0.05

    private struct Part {
        let p99: Double
        let stats: cload_stats
        let used: Meter.Use
        /// The largest of the readings during the part.
        let residentBytes: UInt64
    }

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B6", "a slow reader among \(clients), \(rounded(rate)) records/s")
        var rig = try Rig(options, maxClients: clients + 100, bufferMessages: buffer)
        var without: [Part] = []
        var with: [Part] = []
        var slow: [cload_stats] = []
        do {
            let crowd = try Clients(rig.clientSettings(clients))
            try crowd.waitReady(seconds: 30)
            try rig.warmUp(crowd, rate: rate, seconds: 3)
            for pair in 0..<max(pairs, 1) {
                // Each comes first as often as second, so that a machine that changes its mood doesn't look like the slow reader's doing.
                if pair % 2 == 0 { without.append(try part(&rig, crowd)) }
                try measureDisturbed(&rig, crowd, &with, &slow)
                if pair % 2 == 1 { without.append(try part(&rig, crowd)) }
            }
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        judge(without, with, slow, &report)
        return report
    }

    private func measureDisturbed(
        _ rig: inout Rig, _ crowd: borrowing Clients, _ with: inout [Part], _ slow: inout [cload_stats]
    ) throws(BenchFailure) {
        var settings = rig.clientSettings(1, sampled: 1)
        settings.bytesPerSecond = slowBytes
        settings.receiveBufferBytes = 16_384
        let laggard = try Clients(settings)
        try laggard.waitReady(seconds: 10)
        laggard.mark(nextSequence: rig.kafka.nextSequence)
        with.append(try part(&rig, crowd))
        laggard.hurry()
        laggard.waitQuiet(limit: 15)
        slow.append(laggard.snapshot(endSequence: rig.kafka.nextSequence))
    }

    private func part(_ rig: inout Rig, _ crowd: borrowing Clients) throws(BenchFailure) -> Part {
        try rig.settle(crowd)
        let count = UInt64(rate * seconds)
        let before = Meter(rig.server, crowd)
        try rig.kafka.begin(.init(count: count, rate: rate), for: crowd)
        var resident: UInt64 = 0
        while rig.kafka.produced < count {
            resident = max(resident, rig.server.usage.rss_bytes)
            pause(seconds: 0.25)
        }
        _ = try rig.kafka.finish()
        let used = Meter(rig.server, crowd).since(before)
        rig.waitDelivered(crowd, count, limit: 20)
        let latency = try Histogram()
        let stats = crowd.snapshot(endSequence: rig.kafka.nextSequence, latency: latency)
        guard stats.messages + stats.gap_dropped >= count * UInt64(stats.sampled) else {
            throw BenchFailure(
                "messages are neither received nor reported as dropped 20 s after the last record, so the next part can't "
                    + "be told from this one: \(stats.accounting)")
        }
        return Part(p99: latency.milliseconds(0.99), stats: stats, used: used, residentBytes: resident)
    }

    private func judge(_ without: [Part], _ with: [Part], _ slow: [cload_stats], _ report: inout BarReport) {
        let p99 = PairedRatios(zip(without, with).map { (without: $0.p99, with: $1.p99) })
        let verdict = p99.verdict(limit: Self.harm, alpha: Self.alpha)
        let calmMedian = median(without.map(\.p99))
        let disturbedMedian = median(with.map(\.p99))
        let residentBefore = Double(without.map(\.residentBytes).max() ?? 0)
        let residentWith = Double(with.map(\.residentBytes).max() ?? 0)
        let delta = (residentWith - residentBefore) / 1_048_576
        let received = slow.reduce(0) { $0 + $1.messages }
        let dropped = slow.reduce(0) { $0 + $1.gap_dropped }
        let gaps = slow.reduce(0) { $0 + $1.gap_messages }
        let produced = UInt64(rate * seconds) * UInt64(slow.count)
        let frame = Double(slow.first?.frame_bytes ?? 0)

        for (index, (calm, disturbed)) in zip(without, with).enumerated() {
            report.figure("pair_\(index + 1)_without_p99_ms", calm.p99)
            report.figure("pair_\(index + 1)_with_p99_ms", disturbed.p99)
        }
        report.figure("without_server_cores", median(without.map(\.used.serverCores)))
        report.figure("with_server_cores", median(with.map(\.used.serverCores)))
        report.figure("other_programs_cores", median((without + with).map(\.used.otherCores)))
        report.figure("others_p99_without_ms", calmMedian)
        report.figure("others_p99_with_ms", disturbedMedian)
        report.figure("others_p99_ratio", p99.ratio)
        report.figure("others_p99_probability_if_harmed", p99.probability(ifAtLeast: Self.harm))
        report.figure("others_p99_probability_if_unharmed", p99.probability(ifAtMost: 1))
        report.figure("server_resident_without_mib", residentBefore / 1_048_576)
        report.figure("server_resident_with_mib", residentWith / 1_048_576)
        report.figure("slow_received", Double(received))
        report.figure("slow_dropped", Double(dropped))
        report.figure("slow_gap_messages", Double(gaps))
        let words =
            switch verdict {
            case .harmless: "not harmed"
            case .harmed: "HARMED"
            case .undecided: "undecided, the pairs differ too much among themselves"
            }
        report.check(
            "the others' p99 isn't \(rounded(Self.harm)) times as long with it (signed ranks of \(with.count) pairs, "
                + "\(rounded(Self.alpha * 100)) %): \(words), ratio \(rounded(p99.ratio)), p \(rounded(p99.probability(ifAtLeast: Self.harm)))",
            verdict == .harmless)
        let incomplete = (without + with).first { !$0.stats.isComplete }
        report.check(
            "the others lost nothing: \(incomplete?.stats.accounting ?? "all exact in all parts")", incomplete == nil)
        // Twice the channel's buffer for what it may pin, and 4 MiB for an allocator that breathes.
        let bound = 2 * Double(buffer) * frame / 1_048_576 + 4
        report.check("its memory is bounded: \(rounded(delta)) MiB more, \(rounded(bound)) allowed", delta <= bound)
        report.check(
            "its gaps add up: \(received) received + \(dropped) dropped = \(received + dropped) of \(produced) produced",
            received + dropped == produced && slow.allSatisfy { $0.sampled_exact == 1 })
        report.check("it was slow enough to lose something", slow.allSatisfy { $0.gap_dropped > 0 })
        report.summary =
            "others' p99 \(rounded(calmMedian)) ms without, \(rounded(disturbedMedian)) ms with, ratio \(rounded(p99.ratio)) (\(words)); "
            + "\(rounded(delta)) MiB more; \(received) + \(dropped) of \(produced)"
    }
}
