import ArgumentParser

/// A benchmark with a bar to reach.
protocol Bar: ParsableCommand {
    var options: BenchOptions { get set }
    func measure() throws(BenchFailure) -> BarReport
}

extension Bar {
    /// The bar as it is written down, with what is common to all bars taken from the command line.
    static func standard(_ options: BenchOptions) throws -> Self {
        var bar = try parse([])
        bar.options = options
        return bar
    }

    func run() throws {
        let report = try measure()
        report.printOut()
        if let path = options.json { try writeFile(path, "{\"bars\":[\(report.json)]}\n") }
    }
}
