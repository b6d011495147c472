import ArgumentParser
import CLoad

/// B2: latency when calm, beside a C program that stamps records as it polls them.
struct CalmBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b2", abstract: "Latency when calm, beside a bare consumer in C.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients, all of them sampled.") var clients = 100
    @Option(help: "Records per second.") var rate = 100.0
    @Option(help: "Seconds, for the server and for the bare consumer.") var seconds = 60.0
    @Flag(help: "Only the server, for profiles.") var alone = false

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B2", "latency at \(rounded(rate)) records/s, \(clients) clients, for \(rounded(seconds)) s")
        // 0: the mock then answers as a real broker does, when a record is there, at the price of asking all the time.
        // With 1, more than half of what is measured is the mock holding back a record it already has.
        var options = options
        options.kafkaProperties = options.kafkaProperties(fetchWait: 0)
        var rig = try Rig(options, maxClients: clients + 100, lingerMilliseconds: 0)
        let p50: Double
        do {
            let crowd = try Clients(rig.clientSettings(clients, sampled: clients))
            try crowd.waitReady(seconds: 30)
            let run = try PacedRun(&rig, crowd, rate: rate, seconds: seconds)
            report.addLatency("calm", run.latency)
            report.add("calm", run.used)
            report.figure("calm_producer_max_late_ms", Double(run.produced.max_late_ns) / 1e6)
            p50 = run.latency.milliseconds(0.5)
            let p99 = run.latency.milliseconds(0.99)
            let most = run.latency.maximumMilliseconds
            report.check("everything arrived: \(run.stats.accounting)", run.stats.isComplete)
            report.check("p50 under 2 ms: \(rounded(p50)) ms", p50 < 2)
            report.check("p99 under 10 ms: \(rounded(p99)) ms", p99 < 10)
            report.check("maximum under 10 ms: \(rounded(most)) ms", most < 10)
            report.summary = "p50 \(rounded(p50)) ms, p99 \(rounded(p99)) ms, maximum \(rounded(most)) ms, produce to receive"
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        if alone { return report }

        let bare = try measureBare(&rig, &report)
        let ratio = p50 / max(bare.milliseconds(0.5), .leastNonzeroMagnitude)
        report.figure("p50_ratio", ratio)
        report.check(
            "p50 at most 1.3 times the bare consumer's \(rounded(bare.milliseconds(0.5))) ms: \(rounded(ratio))", ratio <= 1.3)
        report.summary +=
            "; bare consumer p50 \(rounded(bare.milliseconds(0.5))) ms, maximum \(rounded(bare.maximumMilliseconds)) ms, ratio "
            + "\(rounded(ratio))"

        let reference = try measureReference(options, &report)
        let referenceRatio = p50 / max(reference.milliseconds(0.5), .leastNonzeroMagnitude)
        report.figure("p50_ratio_to_reference", referenceRatio)
        report.summary +=
            "; the reference that sends to as many clients p50 \(rounded(reference.milliseconds(0.5))) ms, ratio \(rounded(referenceRatio))"
        return report
    }

    /// The bare consumer sends nothing to anybody. What B9's reference takes for the same clients tells how much of the rest is sending.
    private func measureReference(_ options: BenchOptions, _ report: inout BarReport) throws(BenchFailure) -> Histogram {
        var rig = try Rig(options, maxClients: clients + 100, lingerMilliseconds: 0, program: .reference)
        // It knows channels by the records' keys only.
        rig.channels = 1
        var settings = rig.clientSettings(clients, sampled: clients)
        settings.sparse = (1, 1)
        let crowd = try Clients(settings)
        try crowd.waitReady(seconds: 30)
        let run = try PacedRun(&rig, crowd, rate: rate, seconds: min(seconds, 20))
        report.addLatency("reference", run.latency)
        report.check("from the reference everything arrived: \(run.stats.accounting)", run.stats.isComplete)
        report.check("the reference ended with 0 on SIGTERM", rig.server.stop() == 0)
        return run.latency
    }

    /// The same records from the same broker, once the server is gone: what of the latency is not the router's.
    private func measureBare(_ rig: inout Rig, _ report: inout BarReport) throws(BenchFailure) -> Histogram {
        // It begins at the end of the topic, and takes a moment to find it.
        let warm = UInt64(max(1, rate * 4))
        let count = UInt64(rate * seconds)
        let bare = try BareConsumer(
            rig.options, brokers: rig.kafka.brokers, folder: rig.folderPath,
            .init(topicPartitions: rig.options.partitions, fromEnd: true, count: count, latencyFrom: rig.kafka.nextSequence + warm))
        try rig.kafka.produce(.init(count: warm, rate: rate))
        let produced = try rig.kafka.produce(.init(count: count, rate: rate))
        let result = try bare.finish(within: 10)
        let latency = try Histogram()
        try bare.addLatency(to: latency)
        report.addLatency("bare", latency)
        report.figure("bare_producer_max_late_ms", Double(produced.max_late_ns) / 1e6)
        report.check("the bare consumer has all of them: \(result.records) of \(count)", result.records == count)
        return latency
    }
}
