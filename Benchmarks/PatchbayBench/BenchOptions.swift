import ArgumentParser

/// What every bar accepts.
struct BenchOptions: ParsableArguments {
    @Option(help: "The server to measure; by default the `patchbay` beside this program.")
    var patchbay: String?

    @Option(help: "Write the figures to this file as JSON.")
    var json: String?

    @Option(help: "Clients that are read and checked in full; the others are drained without copying.")
    var sampled = 25

    @Option(help: "Partitions of the topic.")
    var partitions = 4

    @Option(help: "Microseconds between two visits of a drained client.")
    var drainInterval = 2_000

    @Option(help: "linger.ms of the producer instead of the bar's own.")
    var linger: Double?

    @Option(name: .customLong("env"), help: "NAME=VALUE for the server; may be repeated.")
    var environment: [String] = []

    @Option(name: .customLong("kafka-property"), help: "NAME=VALUE under kafka.properties; may be repeated.")
    var kafkaProperties: [String] = []

    @Flag(help: "Keep the temporary folder with the server's log and say where it is.")
    var keep = false

    /// The server's path.
    func program() throws(BenchFailure) -> String {
        let own = try ownPath()
        return patchbay ?? own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + "patchbay"
    }

    /// What is given, after how long the mock cluster may hold an empty fetch.
    ///
    /// - Parameter fetchWait: milliseconds. The mock answers an empty fetch only after all of it, even if a record
    ///   arrives meanwhile; a real broker answers at once. 1 is the shortest that doesn't spin.
    func kafkaProperties(fetchWait: Int) -> [String] {
        (kafkaProperties.contains { $0.hasPrefix("fetch.wait.max.ms=") } ? [] : ["fetch.wait.max.ms=\(fetchWait)"])
            + kafkaProperties
    }

    mutating func validate() throws {
        guard sampled >= 1 else { throw ValidationError("--sampled must be at least 1: latency is taken from the sample.") }
        guard (1...64).contains(partitions) else { throw ValidationError("--partitions must be 1 to 64.") }
        guard (0...1_000_000).contains(drainInterval) else {
            throw ValidationError("--drain-interval must be 0 to 1000000 microseconds.")
        }
        guard (0...1_000).contains(linger ?? 0) else { throw ValidationError("--linger must be 0 to 1000 milliseconds.") }
        for pair in environment + kafkaProperties where !pair.contains("=") {
            throw ValidationError("`\(pair)` is not of the form NAME=VALUE.")
        }
    }
}
