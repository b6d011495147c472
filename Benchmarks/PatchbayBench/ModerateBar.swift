import ArgumentParser
import CLoad

/// B3: where pacing decides.
struct ModerateBar: Bar {
    static let configuration = CommandConfiguration(commandName: "b3", abstract: "Latency and CPU at a moderate rate.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients.") var clients = 1_000
    @Option(help: "Records per second.") var rate = 1_000.0
    @Option(help: "Seconds.") var seconds = 10.0

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B3", "\(rounded(rate)) records/s to \(clients) clients")
        // Without lingering each record arrives by itself: the server has to find the batches.
        // Asking half as often as the other bars: the mock cluster's empty answers cost CPU that a real broker's don't.
        var options = options
        options.kafkaProperties = options.kafkaProperties(fetchWait: 2)
        var rig = try Rig(options, maxClients: clients + 100, lingerMilliseconds: 0)
        do {
            let crowd = try Clients(rig.clientSettings(clients))
            try crowd.waitReady(seconds: 30)
            let run = try PacedRun(&rig, crowd, rate: rate, seconds: seconds)
            report.addLatency("moderate", run.latency)
            report.add("moderate", run.used)
            report.figure("moderate_producer_max_late_ms", Double(run.produced.max_late_ns) / 1e6)
            let p99 = run.latency.milliseconds(0.99)
            let cores = run.used.serverCores
            report.check("everything arrived: \(run.stats.accounting)", run.stats.isComplete)
            report.check("p99 under 50 ms: \(rounded(p99)) ms", p99 < 50)
            report.check("at most 0.6 core for the server: \(rounded(cores))", cores <= 0.6)
            report.summary =
                "p50 \(rounded(run.latency.milliseconds(0.5))) ms, p99 \(rounded(p99)) ms, server \(rounded(cores)) cores"
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        return report
    }
}
