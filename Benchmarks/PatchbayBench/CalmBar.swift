import ArgumentParser
import CLoad

/// B2: latency when calm.
struct CalmBar: Bar {
    static let configuration = CommandConfiguration(commandName: "b2", abstract: "Latency when calm.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients, all of them sampled.") var clients = 100
    @Option(help: "Records per second.") var rate = 100.0
    @Option(help: "Seconds.") var seconds = 10.0

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B2", "latency at \(rounded(rate)) records/s, \(clients) clients")
        // 0: the mock then answers as a real broker does, when a record is there, at the price of asking all the time.
        // With 1, more than half of what is measured is the mock holding back a record it already has.
        var options = options
        options.kafkaProperties = options.kafkaProperties(fetchWait: 0)
        var rig = try Rig(options, maxClients: clients + 100, lingerMilliseconds: 0)
        do {
            let crowd = try Clients(rig.clientSettings(clients, sampled: clients))
            try crowd.waitReady(seconds: 30)
            let run = try PacedRun(&rig, crowd, rate: rate, seconds: seconds)
            report.addLatency("calm", run.latency)
            report.add("calm", run.used)
            report.figure("calm_producer_max_late_ms", Double(run.produced.max_late_ns) / 1e6)
            let p50 = run.latency.milliseconds(0.5)
            let p99 = run.latency.milliseconds(0.99)
            report.check("everything arrived: \(run.stats.accounting)", run.stats.isComplete)
            report.check("p50 under 2 ms: \(rounded(p50)) ms", p50 < 2)
            report.check("p99 under 10 ms: \(rounded(p99)) ms", p99 < 10)
            report.summary = "p50 \(rounded(p50)) ms, p99 \(rounded(p99)) ms, produce to receive"
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        return report
    }
}
