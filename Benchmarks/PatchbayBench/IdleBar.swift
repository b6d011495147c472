import ArgumentParser
import CLoad

/// B5: what a connection costs that is connected, subscribed, and told nothing.
struct IdleBar: Bar {
    static let configuration = CommandConfiguration(commandName: "b5", abstract: "Idle connections and the connect rate.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Connections beyond the first hundred.") var clients = 15_000

    func measure() throws(BenchFailure) -> BarReport {
        let early = 100
        var report = BarReport("B5", "\(clients) idle connections")
        var rig = try Rig(options, maxClients: clients + early + 100)
        report.figure("start_to_first_answer_ms", rig.server.secondsToFirstAnswer * 1e3)
        report.check(
            "from the start to the first answer under 50 ms: \(rounded(rig.server.secondsToFirstAnswer * 1e3))",
            rig.server.secondsToFirstAnswer < 0.05)
        pause(seconds: 1)
        let rest = rig.server.usage
        report.figure("rest_resident_mb", Double(rest.rss_bytes) / 1e6)
        report.figure("rest_proportional_mb", Double(rest.pss_bytes) / 1e6)
        report.check("at rest under 30 MB resident: \(rounded(Double(rest.rss_bytes) / 1e6))", rest.rss_bytes < 30_000_000)
        do {
            // They stay, so that what they cost once is in both readings.
            let first = try Clients(rig.clientSettings(early, sampled: early))
            try first.waitReady(seconds: 30)
            try rig.warmUp(first, rate: 100, seconds: 1)
            pause(seconds: 1)
            let before = rig.server.usage
            let crowd = try Clients(rig.clientSettings(clients))
            let perSecond = try crowd.waitReady(seconds: 60)
            pause(seconds: 2)
            let after = rig.server.usage
            let resident = (Double(after.rss_bytes) - Double(before.rss_bytes)) / Double(clients) / 1024
            let proportional = (Double(after.pss_bytes) - Double(before.pss_bytes)) / Double(clients) / 1024
            report.figure("connections_per_s", perSecond)
            report.figure("connecting_server_cpu_us_each", Double(after.cpu_ns - before.cpu_ns) / 1e3 / Double(clients))
            report.figure("resident_kib_each", resident)
            report.figure("proportional_kib_each", proportional)
            report.figure("server_resident_mib", Double(after.rss_bytes) / 1_048_576)
            report.check("at most 2.5 KiB resident each: \(rounded(resident))", resident <= 2.5)
            report.check("at least 3,000 connections/s: \(rounded(perSecond))", perSecond >= 3_000)

            // Subscribed is only who gets messages.
            try rig.settle(first)
            crowd.mark(nextSequence: rig.kafka.nextSequence)
            try rig.kafka.produce(.init(count: 20, rate: 20), for: crowd)
            rig.waitDelivered(crowd, 20, limit: 20)
            let stats = crowd.snapshot(endSequence: rig.kafka.nextSequence)
            report.check("afterwards all got twenty messages: \(stats.accounting)", stats.isComplete)
            report.summary =
                "\(rounded(resident)) KiB resident each, \(rounded(perSecond)) connections/s; at rest \(rounded(Double(rest.rss_bytes) / 1e6)) MB"
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        return report
    }
}
