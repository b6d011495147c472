import ArgumentParser
import BenchStatistics
import CLoad

/// B10: from Kafka to channel logs, without subscribers, beside a C program that polls and frees.
struct IntakeBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b10", abstract: "Records from Kafka to channel logs, beside a bare consumer in C.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Records of the topic that is read from its beginning.") var records: UInt64 = 1_000_000
    @Option(help: "Times that each program reads it.") var rounds = 5
    @Option(help: "Times that each program reads it on one processor.") var pinnedRounds = 2
    // The mock cluster keeps 5 MB of a partition, and throws away what is older.
    @Option(help: "Partitions of that topic.") var topicPartitions = 96
    @Option(help: "Records per second of the paced part.") var rate = 20_000.0
    @Option(help: "Seconds of the paced part, for each program.") var seconds = 4.0
    @Option(help: "Times that each program does the paced part.") var pacedRounds = 2
    @Option(help: "Only this transformer, `trade` or `json`, without the bare consumer: for profiles.") var alone: String?

    /// Who reads.
    enum Program: String, CaseIterable {
        case bare
        case trade
        /// Passes values on byte for byte, once it has seen that they are JSON.
        case json

        static let routes = [trade, json]

        /// CPU per record, of the bare consumer's.
        var mostCPU: Double { self == .trade ? 1.2 : 1.1 }
        var title: String { self == .json ? "pass-through (json)" : rawValue }
    }

    private struct Reading {
        var recordsPerSecond: Double
        /// CPU time of the whole process.
        var microseconds: Double
    }

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B10", "intake: \(records) records from the beginning of a topic to channel logs")
        let programs = alone.map { name in Program.allCases.filter { $0.rawValue == name } } ?? Program.allCases
        judge(try readBacklog(programs, rounds, isPinned: false, &report), &report)
        // Where memory doesn't go from one processor to another the same work costs half, and the figures hardly differ from one
        // round to the next: for comparing two programs. Nothing is judged by it, since it is not how servers run.
        let pinned = try readBacklog(programs, pinnedRounds, isPinned: true, &report)
        for program in Program.routes {
            if let cpu = ratio(pinned, program, \.microseconds) { report.figure("pinned_\(program)_cpu_ratio", cpu) }
        }
        // At a moderate rate all of them pay most for asking the mock cluster.
        var paced: [Program: [Reading]] = [:]
        for round in 0..<pacedRounds {
            for program in order(programs, round) {
                let reading = try pace(program, &report)
                paced[program, default: []].append(reading)
                report.figure("paced_\(round + 1)_\(program)_us_per_record", reading.microseconds)
            }
        }
        for program in Program.routes {
            if let cpu = ratio(paced, program, \.microseconds) { report.figure("paced_\(program)_cpu_ratio", cpu) }
        }
        return report
    }

    /// Each comes first as often as last.
    private func order(_ programs: [Program], _ round: Int) -> [Program] { round % 2 == 0 ? programs : programs.reversed() }

    /// The median of what a program has of the bare consumer's in the same round, so that a machine that changes its mood changes both.
    private func ratio(
        _ readings: [Program: [Reading]], _ program: Program, _ value: (Reading) -> Double
    ) -> Double? {
        guard let own = readings[program], let bare = readings[.bare] else { return nil }
        return median(zip(own, bare).map { value($0) / value($1) })
    }

    private func judge(_ readings: [Program: [Reading]], _ report: inout BarReport) {
        guard let bare = readings[.bare] else { return }
        let bareCPU = median(bare.map(\.microseconds))
        let bareSpeed = median(bare.map(\.recordsPerSecond))
        var words = ["bare consumer \(rounded(bareCPU)) µs a record, \(rounded(bareSpeed / 1e3)) k records/s"]
        for program in Program.routes {
            guard let cpu = ratio(readings, program, \.microseconds), let speed = ratio(readings, program, \.recordsPerSecond) else {
                continue
            }
            report.figure("\(program)_cpu_ratio", cpu)
            report.figure("\(program)_speed_ratio", speed)
            report.check(
                "\(program.title): CPU per record at most \(program.mostCPU) times the bare consumer's \(rounded(bareCPU)) µs: "
                    + "\(rounded(cpu))", cpu <= program.mostCPU)
            report.check(
                "\(program.title): from the beginning at least 0.9 of the bare consumer's \(rounded(bareSpeed / 1e3)) k records/s: "
                    + "\(rounded(speed))", speed >= 0.9)
            words.append("\(program.title) \(rounded(cpu)) times the CPU at \(rounded(speed)) of the speed")
        }
        report.summary = words.joined(separator: "; ")
    }

    // MARK: From the beginning

    private func readBacklog(
        _ programs: [Program], _ rounds: Int, isPinned: Bool, _ report: inout BarReport
    ) throws(BenchFailure) -> [Program: [Reading]] {
        var readings: [Program: [Reading]] = [:]
        guard rounds > 0 else { return readings }
        let folder = try WorkFolder(isKept: options.keep)
        var kafka = try MockKafka(partitions: topicPartitions, lingerMilliseconds: options.linger ?? 5)
        try kafka.produce(.init(count: records, rate: 1e7))
        var endedWell = true
        for round in 0..<rounds {
            for program in order(programs, round) {
                let reading: Reading
                if program == .bare {
                    let bare = try BareConsumer(
                        options, brokers: kafka.brokers, folder: folder.path,
                        .init(topicPartitions: topicPartitions, count: records, isPinned: isPinned))
                    let result = try bare.finish(within: 60)
                    reading = self.reading(result.records - 1, seconds: result.seconds, cpuSeconds: result.cpuSeconds)
                } else {
                    let server = try server(program, kafka, folder.path, group: "\(program)-\(round)", isPinned: isPinned)
                    reading = try readAll(server)
                    endedWell = server.stop() == 0 && endedWell
                }
                readings[program, default: []].append(reading)
                let name = "\(isPinned ? "pinned" : "round")_\(round + 1)_\(program)"
                report.figure("\(name)_us_per_record", reading.microseconds)
                report.figure("\(name)_records_per_s", reading.recordsPerSecond)
            }
        }
        report.check("the server ended with 0 on SIGTERM", endedWell)
        return readings
    }

    /// - Parameter group: of its own each time, so that no reading goes on where another one ended.
    private func server(
        _ program: Program, _ kafka: borrowing MockKafka, _ folder: String, group: String, isPinned: Bool = false
    ) throws(BenchFailure) -> Server {
        var options = options
        options.kafkaProperties = options.kafkaProperties(fetchWait: 1) + ["auto.offset.reset=earliest"]
        options.environment.append("KAFKA_CONSUMER_GROUP=\(group)")
        return try Server(
            options: options, brokers: kafka.brokers, folder: folder, maxClients: 100, bufferMessages: 100,
            routes: """
                routes:
                  - { topic: \(MockKafka.topic), transform: \(program), channel: dashboard }

                """, isPinned: isPinned)
    }

    private func reading(_ count: UInt64, seconds: Double, cpuSeconds: Double) -> Reading {
        Reading(recordsPerSecond: Double(count) / max(seconds, 1e-9), microseconds: cpuSeconds * 1e6 / Double(max(count, 1)))
    }

    /// From the last look that finds nothing to the first that finds all records. Looks at the count cost the server something, so
    /// there are few of them once it reads: each waits for half of the time that is left.
    private func readAll(_ server: borrowing Server) throws(BenchFailure) -> Reading {
        let deadline = cload_now() + 60_000_000_000
        var begin = (time: cload_now(), cpu: server.cpuNanoseconds)
        while true {
            let look = (time: cload_now(), cpu: server.cpuNanoseconds)
            let count = server.recordsRouted ?? 0
            guard look.time < deadline else {
                throw BenchFailure("\(count) of \(records) records after 60 s; the server's log ends:\n\(server.logTail)")
            }
            guard count > 0 else {
                begin = look
                pause(seconds: 0.005)
                continue
            }
            let elapsed = Double(cload_now() - begin.time) / 1e9
            guard count < records else {
                return reading(count, seconds: elapsed, cpuSeconds: Double(server.cpuNanoseconds - begin.cpu) / 1e9)
            }
            pause(seconds: min(0.3, max(0.002, elapsed / Double(count) * Double(records - count) / 2)))
        }
    }

    // MARK: Paced

    /// CPU per record while records come at a rate.
    private func pace(_ program: Program, _ report: inout BarReport) throws(BenchFailure) -> Reading {
        let folder = try WorkFolder(isKept: options.keep)
        var kafka = try MockKafka(partitions: options.partitions, lingerMilliseconds: options.linger ?? 5)
        let warm = UInt64(min(rate, 20_000))
        let count = UInt64(rate * seconds)
        let arrived: UInt64
        let cpu: UInt64
        if program == .bare {
            let bare = try BareConsumer(options, brokers: kafka.brokers, folder: folder.path, .init(topicPartitions: options.partitions))
            try kafka.produce(.init(count: warm, rate: rate))
            pause(seconds: 1)
            let before = bare.cpuNanoseconds
            try kafka.produce(.init(count: count, rate: rate))
            cpu = bare.cpuNanoseconds - before
            pause(seconds: 0.5)
            arrived = try bare.stop().records
        } else {
            let server = try server(program, kafka, folder.path, group: "paced")
            try kafka.produce(.init(count: warm, rate: rate))
            // It takes some seconds to get its partitions.
            try waitRouted(server, warm)
            let before = server.cpuNanoseconds
            try kafka.produce(.init(count: count, rate: rate))
            cpu = server.cpuNanoseconds - before
            try waitRouted(server, warm + count)
            arrived = server.recordsRouted ?? 0
            report.check("the server ended with 0 on SIGTERM", server.stop() == 0)
        }
        report.check("paced, \(program.title): everything arrived: \(arrived) of \(warm + count)", arrived == warm + count)
        return Reading(recordsPerSecond: rate, microseconds: Double(cpu) / 1e3 / Double(count))
    }

    private func waitRouted(_ server: borrowing Server, _ count: UInt64) throws(BenchFailure) {
        let deadline = cload_now() + 20_000_000_000
        while server.recordsRouted ?? 0 < count {
            guard cload_now() < deadline else { throw BenchFailure("\(count) records aren't read after 20 s:\n\(server.logTail)") }
            pause(seconds: 0.05)
        }
    }
}
