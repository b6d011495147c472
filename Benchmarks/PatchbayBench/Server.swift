import CLoad

/// The server under test, as a process of its own.
struct Server: ~Copyable {
    let port: UInt16
    /// From the start of the process to its first answer on the port.
    let secondsToFirstAnswer: Double
    private let process: ChildProcess

    /// Variables that would win over the routes file this bench writes.
    private static let overriding = [
        "PORT", "KAFKA_BROKERS", "KAFKA_CONSUMER_GROUP", "MAX_CLIENTS", "MESSAGE_BUFFER_SIZE", "KAFKA_BATCH_SIZE",
        "WS_READ_BUFFER_SIZE", "WS_WRITE_BUFFER_SIZE", "ADMIN_PORT", "ADMIN_ENABLED", "EVENT_LOOPS",
    ]

    /// - Parameters:
    ///   - routes: the file from `routes:` on; by default one route to one channel.
    ///   - isPinned: whether it may use one processor only.
    init(
        options: BenchOptions, brokers: String, folder: String, maxClients: Int, bufferMessages: Int,
        routes: String? = nil, isPinned: Bool = false
    ) throws(BenchFailure) {
        let program = try options.program()
        let properties = options.kafkaProperties(fetchWait: 1).map { pair in
            let split = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return "    \(split[0]): \(split[1])\n"
        }
        // The channel's buffer is far above what a client may be behind here: a bar that drops messages has to be missed
        // because the server is slow, not because its buffer is small.
        try writeFile(
            "\(folder)/routes.yaml",
            """
            version: 1
            kafka:
              brokers: \(brokers)
              group: patchbay-bench
              properties:
            \(properties.joined())\(routes ?? Self.oneRoute(bufferMessages: bufferMessages))
            """)
        let port = cload_free_port()
        guard port != 0 else { throw BenchFailure("no free port on 127.0.0.1") }
        var environment = inheritedEnvironment { !Self.overriding.contains(String($0)) }
        environment += ["PORT=\(port)", "ADMIN_ENABLED=false", "MAX_CLIENTS=\(maxClients)"] + options.environment
        let start = cload_now()
        let process = try ChildProcess(
            [program, "serve", "-c", "\(folder)/routes.yaml"], environment: environment, logPath: "\(folder)/server.log",
            isPinned: isPinned)
        try Self.waitHealthy(process, port: port, seconds: 20)
        secondsToFirstAnswer = Double(cload_now() - start) / 1e9
        self.port = port
        self.process = process
    }

    /// The C program that does the same job with as little as possible, in the server's place.
    init(referenceFor options: BenchOptions, brokers: String, folder: String, maxClients: Int) throws(BenchFailure) {
        let source = SourceOptions.arguments(
            brokers: brokers, partitions: options.partitions, properties: options.kafkaProperties(fetchWait: 1))
        let process = try ChildProcess(
            [try ownPath(), "reference", "--max-clients", "\(maxClients)"] + source, environment: inheritedEnvironment { _ in true },
            logPath: "\(folder)/server.log")
        port = try FloorMeasurement.listeningPort(process)
        secondsToFirstAnswer = 0
        self.process = process
    }

    private static func oneRoute(bufferMessages: Int) -> String {
        """
        channels:
          dashboard:
            buffer: \(bufferMessages)
        routes:
          - topic: \(MockKafka.topic)
            transform: trade
            channel: dashboard

        """
    }

    var usage: cload_usage { process.usage }
    var cpuNanoseconds: UInt64 { process.cpuNanoseconds }
    var health: HealthPage? { HealthPage(port: port) }

    /// Records that its routes made messages of since the start; `nil` when it doesn't answer.
    var recordsRouted: UInt64? {
        var bytes = [CChar](repeating: 0, count: 1 << 20)
        guard cload_http_get(port, "/metrics", 1_000, &bytes, bytes.count) == 200 else { return nil }
        let page = bytes.withUnsafeBytes { string(in: $0) }
        var sum: UInt64 = 0
        for line in page.split(separator: "\n") where line.hasPrefix("patchbay_route_records_routed_total{") {
            sum += line.split(separator: " ").last.flatMap { UInt64($0) } ?? 0
        }
        return sum
    }

    private static func waitHealthy(
        _ process: borrowing ChildProcess, port: UInt16, seconds: Double
    ) throws(BenchFailure) {
        let deadline = cload_now() + UInt64(seconds * 1e9)
        while HealthPage(port: port) == nil {
            if let code = process.exitCode(within: 0.002) {
                throw BenchFailure("the server ended with \(code):\n\(process.logTail)")
            }
            guard cload_now() < deadline else {
                throw BenchFailure("the server's /health isn't 200 after \(Int(seconds)) s:\n\(process.logTail)")
            }
        }
    }

    var logTail: String { process.logTail }

    /// The exit code after SIGTERM; `nil` when it was gone before.
    func stop() -> Int? { process.stop(seconds: 15) }
}

/// `NAME=VALUE` for each variable of this process whose name passes.
func inheritedEnvironment(where isIncluded: (Substring) -> Bool) -> [String] {
    var all: [String] = []
    // The array ends with NULL, and nobody changes the environment here.
    guard var entry = cload_environment() else { return [] }
    while let text = entry.pointee {
        let pair = String(cString: text)
        if isIncluded(pair.prefix { $0 != "=" }) { all.append(pair) }
        entry += 1
    }
    return all
}
