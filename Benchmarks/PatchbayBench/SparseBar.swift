import ArgumentParser
import CLoad

/// B9: many channels with few subscribers and few messages each, beside a reference in C that does the same in the same minutes.
struct SparseBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b9", abstract: "Many channels, few messages each, beside a reference in C.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Seconds of each case.") var seconds = 10.0
    @Option(name: .customLong("case"), help: "Only these cases, from 1; may be repeated.") var only: [Int] = []
    @Flag(help: "Only the server, for profiles.") var alone = false

    struct Case {
        var clients: Int
        var perClient: Int
        var channels: Int
        var rate: Double
        /// Memory above rest, MB; `nil` where there is no bar.
        var mostMemory: Double?

        var deliveriesPerSecond: Double { rate * Double(clients * perClient) / Double(channels) }
        var title: String { "\(clients) clients × \(perClient) of \(channels) channels at \(rounded(rate)) records/s" }
    }

    static let cases = [
        Case(clients: 2_000, perClient: 5, channels: 1_000, rate: 2_000, mostMemory: 15),
        Case(clients: 2_000, perClient: 5, channels: 1_000, rate: 10_000),
        Case(clients: 10_000, perClient: 10, channels: 10_000, rate: 1_000, mostMemory: 40),
    ]

    /// What one program took for one case.
    struct Result {
        var microseconds: Double
        var p50: Double
        var p99: Double
        var p999: Double
        var most: Double
        /// MB above rest, with all clients there, and after the run.
        var memory: Double
        var isComplete: Bool
        var accounting: String
        var cores: Double
        var otherCores: Double
        var endedWell: Bool
    }

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B9", "many channels, few messages each")
        var summary: [String] = []
        for (index, one) in Self.cases.enumerated() where only.isEmpty || only.contains(index + 1) {
            let name = "case\(index + 1)"
            let server = try run(one, isReference: false)
            add(server, to: &report, "\(name)_server")
            report.check("\(one.title): everything arrived: \(server.accounting)", server.isComplete)
            report.check("the server ended with 0 on SIGTERM", server.endedWell)
            if alone { continue }
            let reference = try run(one, isReference: true)
            add(reference, to: &report, "\(name)_reference")
            report.check("from the reference too: \(reference.accounting)", reference.isComplete)
            compare(server.microseconds, reference.microseconds, most: 1.15, "CPU per delivery", "µs", &report)
            compare(server.p50, reference.p50, most: 1.2, "p50", "ms", &report)
            compare(server.p99, reference.p99, most: 1.5, "p99", "ms", &report)
            compare(server.p999, reference.p999, most: 1.5, "p99.9", "ms", &report)
            if let most = one.mostMemory {
                report.check("at most \(rounded(most)) MB above rest: \(rounded(server.memory))", server.memory <= most)
            }
            summary.append(
                "\(one.title): \(rounded(server.microseconds)) µs a delivery against \(rounded(reference.microseconds)), "
                    + "p50 \(rounded(server.p50)) ms against \(rounded(reference.p50)), p99 \(rounded(server.p99)) against "
                    + "\(rounded(reference.p99)), p99.9 \(rounded(server.p999)) against \(rounded(reference.p999)), "
                    + "\(rounded(server.memory)) MB above rest")
        }
        report.summary = summary.joined(separator: "; ")
        return report
    }

    private func compare(
        _ value: Double, _ reference: Double, most: Double, _ what: String, _ unit: String, _ report: inout BarReport
    ) {
        let ratio = value / max(reference, .leastNonzeroMagnitude)
        report.check(
            "\(what) at most \(most) times the reference's \(rounded(reference)) \(unit): \(rounded(ratio))", ratio <= most)
    }

    private func add(_ result: Result, to report: inout BarReport, _ name: String) {
        report.figure("\(name)_us_per_delivery", result.microseconds)
        report.figure("\(name)_cores", result.cores)
        report.figure("\(name)_other_programs_cores", result.otherCores)
        report.figure("\(name)_p50_ms", result.p50)
        report.figure("\(name)_p99_ms", result.p99)
        report.figure("\(name)_p999_ms", result.p999)
        report.figure("\(name)_max_ms", result.most)
        report.figure("\(name)_memory_above_rest_mb", result.memory)
    }

    /// - Parameter isReference: whether the reference serves, and not the server.
    private func run(_ one: Case, isReference: Bool) throws(BenchFailure) -> Result {
        var rig = try Rig(
            options, maxClients: one.clients + 100, lingerMilliseconds: 1,
            program: isReference ? .reference : .server(routes: Self.routes(one)))
        pause(seconds: 0.5)
        let rest = rig.server.usage.rss_bytes
        var settings = rig.clientSettings(one.clients)
        settings.sparse = (one.perClient, one.channels)
        let crowd = try Clients(settings)
        try crowd.waitReady(seconds: 60)
        rig.channels = one.channels
        // Two rounds at least, so that each channel has been met.
        try rig.warmUp(crowd, rate: one.rate, seconds: max(2, 2 * Double(one.channels) / one.rate))
        let count = UInt64(one.rate * seconds / Double(one.channels)) * UInt64(one.channels)
        guard count > 0 else { throw BenchFailure("too few seconds for one round of all channels") }
        let before = Meter(rig.server, crowd)
        try rig.kafka.produce(.init(count: count, rate: one.rate, channels: one.channels), for: crowd)
        let used = Meter(rig.server, crowd).since(before)
        let expected = count / UInt64(one.channels) * UInt64(one.perClient)
        rig.waitDelivered(crowd, expected, limit: 20)
        let latency = try Histogram()
        let stats = crowd.snapshot(endSequence: rig.kafka.nextSequence, latency: latency)
        let deliveries = Double(expected) * Double(one.clients)
        return Result(
            microseconds: used.serverCores * used.seconds * 1e6 / deliveries, p50: latency.milliseconds(0.5),
            p99: latency.milliseconds(0.99), p999: latency.milliseconds(0.999), most: latency.maximumMilliseconds,
            memory: (Double(rig.server.usage.rss_bytes) - Double(rest)) / 1e6, isComplete: stats.isComplete,
            accounting: stats.accounting, cores: used.serverCores, otherCores: used.otherCores,
            endedWell: rig.server.stop() == 0)
    }

    private static func routes(_ one: Case) -> String {
        """
        routes:
          - topic: \(MockKafka.topic)
            transform: trade
            channel: "{@key}"
            max_channels: \(one.channels + 1)

        """
    }
}
