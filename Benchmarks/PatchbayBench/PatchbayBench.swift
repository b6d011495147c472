import ArgumentParser
import CLoad

@main
struct PatchbayBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patchbay-bench",
        abstract: "Measure a patchbay server against its bars.",
        discussion: """
            Starts an embedded Kafka and a release build of the server on loopback, and takes all figures from outside. \
            The exit code is 0 when everything could be measured, whether or not a bar was met.
            """,
        subcommands: [All.self] + bars + [Floor.self, FloorSender.self, Reference.self, Bare.self])

    /// In the order in which `all` runs them.
    static var bars: [any Bar.Type] {
        [
            FanoutBar.self, CalmBar.self, ModerateBar.self, PipelineBar.self, IdleBar.self, SlowReaderBar.self, ReloadBar.self,
            ScrapeBar.self, SparseBar.self, IntakeBar.self, LoopsBar.self, PluginBar.self,
        ]
    }
}

/// Every bar, one after the other.
struct All: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run all bars and print their table.")

    @OptionGroup var options: BenchOptions

    func run() throws {
        var reports: [BarReport] = []
        var failures: [String] = []
        for bar in PatchbayBench.bars {
            do {
                let report = try bar.standard(options).measure()
                report.printOut()
                reports.append(report)
            } catch {
                failures.append("\(bar._commandName): \(error)")
                print("\n\(bar._commandName) could not be measured: \(error)")
            }
        }
        print("\n| Bar | What | Measured | Verdict |\n|---|---|---|---|")
        for report in reports { print(report.tableRow) }
        if let path = options.json {
            try writeFile(path, "{\"bars\":[\(reports.map(\.json).joined(separator: ",\n"))]}\n")
        }
        guard failures.isEmpty else { throw BenchFailure(failures.joined(separator: "\n")) }
    }
}
