import ArgumentParser
import CLoad

/// B8: what a scrape of very many channels takes, and what it takes from everybody else.
struct ScrapeBar: Bar {
    static let configuration = CommandConfiguration(commandName: "b8", abstract: "Scrape the metrics of 10,000 channels.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Channels, a hundred to a route.") var channels = 10_000
    @Option(help: "Scrapes.") var scrapes = 30

    /// Prometheus' usual interval is 15 to 60 s; the shorter one costs more.
    private static let intervalSeconds = 15.0
    private static let perRoute = 100

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B8", "scraping \(channels) channels")
        let kafka = try MockKafka(partitions: options.partitions, lingerMilliseconds: 5)
        let folder = try WorkFolder(isKept: options.keep)
        var routes = "routes:\n"
        for number in 0..<max(1, channels / Self.perRoute) {
            let names = (0..<Self.perRoute).map { "channel-\(number)-\($0)" }
            routes +=
                "  - { name: r\(number), topic: \(MockKafka.topic), transform: trade, channels: [\(names.joined(separator: ", "))] }\n"
        }
        let server = try Server(
            options: options, brokers: kafka.brokers, folder: folder.path, maxClients: 100, bufferMessages: 100,
            routes: routes)
        var bytes = [CChar](repeating: 0, count: 32 << 20)
        var milliseconds: [Double] = []
        let before = server.usage
        for _ in 0..<scrapes {
            let start = cload_now()
            guard cload_http_get(server.port, "/metrics", 5_000, &bytes, bytes.count) == 200 else {
                throw BenchFailure("no answer from /metrics:\n\(server.logTail)")
            }
            milliseconds.append(Double(cload_now() - start) / 1e6)
            pause(seconds: 0.02)
        }
        let used = Double(server.usage.cpu_ns - before.cpu_ns) / 1e9 / Double(scrapes)
        milliseconds.sort()
        let lines = bytes.prefix { $0 != 0 }.count { $0 == 0x0A }
        let (median, worst) = (milliseconds[scrapes / 2], milliseconds[scrapes - 1])
        let share = used / Self.intervalSeconds * 100
        report.figure("scrape_median_ms", median)
        report.figure("scrape_worst_ms", worst)
        report.figure("page_lines", Double(lines))
        report.figure("scrape_cpu_ms", used * 1000)
        report.check("every channel is on the page: \(lines) lines", lines > channels * 4)
        report.check("a scrape takes under 100 ms: median \(rounded(median)) ms", median < 100)
        report.check(
            "scraped every \(Int(Self.intervalSeconds)) s it takes less than 2 % of a core: \(rounded(share)) %", share < 2)
        report.summary =
            "median \(rounded(median)) ms, worst \(rounded(worst)) ms, \(lines) lines; "
            + "\(rounded(share)) % of a core when scraped every \(Int(Self.intervalSeconds)) s"
        report.check("the server ended with 0 on SIGTERM", server.stop() == 0)
        return report
    }
}
