import CLoad

/// What server and generator had used and received at one moment.
struct Meter {
    private let time: UInt64
    private let server: cload_usage
    private let drain: cload_stats
    private let ownCPU: UInt64
    private let machineCPU: UInt64

    init(_ server: borrowing Server, _ clients: borrowing Clients) {
        self.server = server.usage
        drain = clients.snapshot()
        ownCPU = cload_own_cpu_ns()
        machineCPU = cload_machine_cpu_ns()
        time = cload_now()
    }

    struct Use {
        let seconds: Double
        /// CPU time over wall time.
        let serverCores: Double
        /// The thread that drains the clients.
        let drainCores: Double
        /// The whole generator: drain thread, producer and embedded Kafka.
        let generatorCores: Double
        /// Whatever else the machine did meanwhile; from coarse ticks.
        let otherCores: Double
        let receivedBytes: Double
    }

    func since(_ earlier: Meter) -> Use {
        let nanoseconds = Double(max(time - earlier.time, 1))
        func cores(_ now: UInt64, _ then: UInt64) -> Double { Double(now &- then) / nanoseconds }
        let serverCores = cores(server.cpu_ns, earlier.server.cpu_ns)
        let generatorCores = cores(ownCPU, earlier.ownCPU)
        return Use(
            seconds: nanoseconds / 1e9, serverCores: serverCores,
            drainCores: cores(drain.cpu_ns, earlier.drain.cpu_ns), generatorCores: generatorCores,
            otherCores: max(0, cores(machineCPU, earlier.machineCPU) - serverCores - generatorCores),
            receivedBytes: Double(drain.bytes &- earlier.drain.bytes))
    }
}

extension BarReport {
    mutating func add(_ prefix: String, _ use: Meter.Use) {
        figure("\(prefix)_server_cores", use.serverCores)
        figure("\(prefix)_generator_drain_cores", use.drainCores)
        figure("\(prefix)_generator_all_cores", use.generatorCores)
        figure("\(prefix)_other_programs_cores", use.otherCores)
    }

    mutating func addLatency(_ prefix: String, _ latency: borrowing Histogram) {
        figure("\(prefix)_p50_ms", latency.milliseconds(0.5))
        figure("\(prefix)_p90_ms", latency.milliseconds(0.9))
        figure("\(prefix)_p99_ms", latency.milliseconds(0.99))
        figure("\(prefix)_p999_ms", latency.milliseconds(0.999))
        figure("\(prefix)_max_ms", latency.maximumMilliseconds)
        figure("\(prefix)_latencies", Double(latency.count))
    }
}
