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
            report.check("at most 10 KiB resident each: \(rounded(resident))", resident <= 10)
            report.check("at least 3,000 connections/s: \(rounded(perSecond))", perSecond >= 3_000)

            // Subscribed is only who gets messages.
            try rig.settle(first)
            crowd.mark(nextSequence: rig.kafka.nextSequence)
            try rig.kafka.produce(.init(count: 20, rate: 20), for: crowd)
            rig.waitDelivered(crowd, 20, limit: 20)
            let stats = crowd.snapshot(endSequence: rig.kafka.nextSequence)
            report.check("afterwards all got twenty messages: \(stats.accounting)", stats.isComplete)
            report.summary = "\(rounded(resident)) KiB resident each, \(rounded(perSecond)) connections/s"
        }
        report.check("the server ended with 0 on SIGTERM", rig.server.stop() == 0)
        return report
    }
}
