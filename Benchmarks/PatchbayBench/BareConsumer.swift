import ArgumentParser
import CLoad
import PatchbayKafka

/// A C program that reads the same topic with the same settings and does nothing with it, in a process of its own as the server is.
struct BareConsumer: ~Copyable {
    /// What it reads, and when it ends.
    struct Work {
        var topicPartitions: Int
        /// From the end of the topic on, and not from its beginning.
        var fromEnd = false
        /// Records; 0 goes on until `stop`.
        var count: UInt64 = 0
        /// Stamps records from this sequence number on as it polls them. Without it, records are polled and freed.
        var latencyFrom: UInt64?
        /// Whether it may use one processor only.
        var isPinned = false
    }

    struct Result {
        var records: UInt64
        /// From the first record to the last one.
        var seconds: Double
        /// CPU time of the process meanwhile.
        var cpuSeconds: Double
    }

    /// What the server sets where the operator sets nothing, and what its way of working needs.
    private static let serverProperties =
        ConsumerDefaults.properties.map { "\($0.name)=\($0.value)" } + ["enable.auto.offset.store=false", "enable.partition.eof=true"]

    private let process: ChildProcess
    private let histogramPath: String

    init(_ options: BenchOptions, brokers: String, folder: String, _ work: Work) throws(BenchFailure) {
        histogramPath = "\(folder)/bare.histogram"
        let logPath = "\(folder)/bare.log"
        // What an earlier one said.
        try writeFile(logPath, "")
        var arguments = [try ownPath(), "bare", "--count", "\(work.count)"]
        arguments += SourceOptions.arguments(
            brokers: brokers, partitions: work.topicPartitions, properties: Self.serverProperties + options.kafkaProperties(fetchWait: 1))
        if work.fromEnd { arguments.append("--from-end") }
        if let first = work.latencyFrom { arguments += ["--latency-from", "\(first)", "--histogram", histogramPath] }
        process = try ChildProcess(arguments, environment: inheritedEnvironment { _ in true }, logPath: logPath, isPinned: work.isPinned)
    }

    var cpuNanoseconds: UInt64 { process.cpuNanoseconds }

    /// Waits for it to have read its records.
    func finish(within seconds: Double) throws(BenchFailure) -> Result {
        guard process.exitCode(within: seconds) == 0 else {
            throw BenchFailure("the bare consumer hasn't read its records after \(rounded(seconds)) s: \(process.logTail)")
        }
        return try told()
    }

    /// Ends it.
    func stop() throws(BenchFailure) -> Result {
        guard process.stop(seconds: 10) == 0 else { throw BenchFailure("the bare consumer failed: \(process.logTail)") }
        return try told()
    }

    /// Adds the latencies that it found.
    func addLatency(to histogram: borrowing Histogram) throws(BenchFailure) {
        guard cload_histogram_merge_saved(histogram.pointer, histogramPath) else {
            throw BenchFailure("the bare consumer left no latencies: \(process.logTail)")
        }
    }

    private func told() throws(BenchFailure) -> Result {
        let numbers = process.logTail.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        guard numbers.count == 3 else { throw BenchFailure("the bare consumer said: \(process.logTail)") }
        return Result(records: numbers[0], seconds: Double(numbers[1]) / 1e9, cpuSeconds: Double(numbers[2]) / 1e9)
    }
}

/// The other side of `BareConsumer`.
struct Bare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bare", abstract: "Read a topic and do nothing with it.", shouldDisplay: false)

    @OptionGroup var source: SourceOptions
    @Option var count: UInt64
    @Flag var fromEnd = false
    @Option var latencyFrom: UInt64?
    @Option var histogram: String?

    func run() throws {
        let latency = try Histogram()
        var result = cload_bare_result()
        var error = cload_error()
        let isDone = source.withSource { source in
            var config = cload_bare_config(
                source: source, from_end: fromEnd, count: count, latency: latencyFrom == nil ? nil : latency.pointer,
                first_sequence: latencyFrom ?? 0)
            return cload_bare_run(&config, &result, &error)
        }
        guard isDone else { throw BenchFailure(error) }
        if let histogram, !cload_histogram_save(latency.pointer, histogram) { throw BenchFailure("can't write \(histogram)") }
        print(result.records, result.elapsed_ns, result.cpu_ns)
    }
}
