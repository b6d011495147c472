import ArgumentParser
import BenchStatistics
import CLoad

/// B11: what more event loops than one cost where there is nothing to gain, and whether they cost anything where there is.
struct LoopsBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b11", abstract: "Saturation with several event loops, on one processor and on all.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Clients.") var clients = 1_000
    @Option(help: "Records per second offered.") var offered = 60_000.0
    @Option(help: "Seconds measured each time.") var seconds = 3.0
    @Option(help: "Records in flight.") var window: UInt64 = 12_000
    @Option(help: "Times that each case is run.") var rounds = 5

    private struct Case: Hashable {
        var loops: Int
        var isPinned: Bool

        var name: String { "\(isPinned ? "one_processor" : "all_processors")_\(loops)_loops" }
        /// What it is compared with.
        var single: Case { Case(loops: 1, isPinned: isPinned) }
    }

    func measure() throws(BenchFailure) -> BarReport {
        let processors = Int(cload_processors())
        var report = BarReport("B11", "many event loops, \(clients) clients at saturation")
        var cases = [1, 2, 4].map { Case(loops: $0, isPinned: true) }
        cases += Set([1, max(2, processors)]).sorted().map { Case(loops: $0, isPinned: false) }
        var speeds: [Case: [Double]] = [:]
        var isExact = true
        var endedWell = true
        for round in 0..<max(rounds, 1) {
            // Each comes first as often as last.
            for one in round % 2 == 0 ? cases : cases.reversed() {
                let saturation = try run(one, endedWell: &endedWell)
                speeds[one, default: []].append(saturation.deliveriesPerSecond)
                isExact = isExact && saturation.stats.sampled_exact == saturation.stats.sampled
                report.figure("\(one.name)_round_\(round + 1)_deliveries_per_s", saturation.deliveriesPerSecond)
                report.figure("\(one.name)_round_\(round + 1)_server_cores", saturation.used.serverCores)
                report.figure("\(one.name)_round_\(round + 1)_other_programs_cores", saturation.used.otherCores)
            }
        }
        report.check("all is accounted for", isExact)
        report.check("the server ended with 0 on SIGTERM", endedWell)
        var words: [String] = []
        for one in cases where one.loops > 1 {
            guard let own = speeds[one], let single = speeds[one.single] else { continue }
            // Of one round each, so that a machine that changes its mood changes both.
            let ratio = PairedRatios(zip(single, own).map { (without: $0, with: $1) }).ratio
            let place = one.isPinned ? "on one processor" : "on \(processors) processors"
            report.figure("\(one.name)_ratio", ratio)
            report.check(
                "\(one.loops) loops \(place) lose at most 5 % of one loop's \(millions(median(single))) deliveries/s: "
                    + "\(rounded(ratio)) of it", ratio >= 0.95)
            words.append("\(one.loops) loops \(place) \(rounded(ratio)) of one loop's \(millions(median(single))) deliveries/s")
        }
        report.summary = words.joined(separator: "; ")
        return report
    }

    private func run(_ one: Case, endedWell: inout Bool) throws(BenchFailure) -> Saturation {
        var options = options
        options.environment.append("EVENT_LOOPS=\(one.loops)")
        var rig = try Rig(options, maxClients: clients + 100, isPinned: one.isPinned)
        let saturation: Saturation
        do {
            let crowd = try Clients(rig.clientSettings(clients))
            try crowd.waitReady(seconds: 30)
            try rig.warmUp(crowd, rate: 5_000, seconds: 1)
            saturation = try Saturation(&rig, crowd, .init(offered: offered, seconds: seconds, window: window))
        }
        endedWell = rig.server.stop() == 0 && endedWell
        return saturation
    }
}
