import ArgumentParser
import CLoad
import Glibc

/// What plain `send()` of ready-made frames achieves on this machine right now, drained by the same clients.
struct FloorMeasurement {
    let deliveriesPerSecond: Double
    /// As the sender counted them: calls may be cut short when sockets are full.
    let bytesPerCall: Double
    /// Cores used by the drain thread.
    let drainCores: Double
    let senderCores: Double
    /// Whatever else the machine did meanwhile; from coarse ticks.
    let otherCores: Double

    /// The best of a few short runs: a floor that is too low would flatter the server.
    static func best(
        connections: Int, frameBytes: Int, bytesPerCall: Double, options: BenchOptions, runs: Int = 3,
        seconds: Double = 3
    ) throws(BenchFailure) -> FloorMeasurement {
        var best: FloorMeasurement?
        for run in 0..<max(runs, 1) {
            // Which way of waiting is faster depends on the size of a call.
            let one = try measure(
                connections: connections, frameBytes: frameBytes, bytesPerCall: bytesPerCall, options: options,
                seconds: seconds, isBlocking: run % 2 == 1)
            if one.deliveriesPerSecond > best?.deliveriesPerSecond ?? 0 { best = one }
        }
        guard let best else { throw BenchFailure("the floor delivered nothing") }
        return best
    }

    private static func measure(
        connections: Int, frameBytes: Int, bytesPerCall: Double, options: BenchOptions, seconds: Double,
        isBlocking: Bool
    ) throws(BenchFailure) -> FloorMeasurement {
        let folder = try WorkFolder(isKept: false)
        var error = cload_error()
        guard cload_raise_open_files(UInt64(connections) + 1_000, &error) else { throw BenchFailure(error) }
        let ramp = 0.7
        let arguments = [
            try ownPath(), "floor-sender", "--connections", "\(connections)",
            "--frame-bytes", "\(frameBytes)", "--bytes-per-call", "\(Int(bytesPerCall))",
            "--seconds", "\(seconds + ramp + 0.5)",
        ]
        let sender = try ChildProcess(
            arguments + (isBlocking ? ["--blocking"] : []), environment: inheritedEnvironment { _ in true },
            logPath: "\(folder.path)/floor.log")
        let port = try listeningPort(sender)
        let clients = try Clients(
            .init(
                port: port, connections: connections, sampled: min(options.sampled, connections),
                drainIntervalMicroseconds: options.drainInterval, partitions: 1, isFloor: true))
        try clients.waitReady(seconds: 15)
        while clients.bytes == 0, sender.exitCode(within: 0.002) == nil {}
        pause(seconds: ramp)

        let start = cload_now()
        let before = clients.snapshot()
        let busyBefore = busyElsewhere(sender)
        pause(seconds: seconds)
        let after = clients.snapshot()
        let busyAfter = busyElsewhere(sender)
        let elapsed = Double(cload_now() - start) / 1e9
        guard sender.exitCode(within: 10) == 0 else {
            throw BenchFailure("the floor's sender failed: \(readFile(sender.logPath))")
        }
        guard after.duplicates_or_reordered == 0, after.protocol_errors == 0 else {
            throw BenchFailure("the clients misread the floor's frames, so their figures can't be trusted")
        }
        let told = readFile(sender.logPath).split(separator: "\n").last?.split(separator: " ").compactMap { Double($0) }
        guard let told, told.count == 4, told[1] > 0, told[2] > 0 else {
            throw BenchFailure("the floor's sender sent nothing")
        }
        return FloorMeasurement(
            deliveriesPerSecond: Double(after.bytes - before.bytes) / Double(frameBytes) / elapsed,
            bytesPerCall: told[0] / told[1], drainCores: Double(after.cpu_ns - before.cpu_ns) / 1e9 / elapsed,
            senderCores: told[3] / told[2], otherCores: max(0, (busyAfter - busyBefore) / elapsed))
    }

    /// Seconds of CPU time that neither the sender nor this process used.
    private static func busyElsewhere(_ sender: borrowing ChildProcess) -> Double {
        (Double(cload_machine_cpu_ns()) - Double(sender.usage.cpu_ns) - Double(cload_own_cpu_ns())) / 1e9
    }
}

extension FloorMeasurement {
    /// Listens, and prints the port for the process that waits for it in `listeningPort`.
    ///
    /// - Returns: the listener.
    static func announceListener(connections: UInt32) throws(BenchFailure) -> Int32 {
        var error = cload_error()
        var port: UInt16 = 0
        guard cload_raise_open_files(UInt64(connections) + 100, &error) else { throw BenchFailure(error) }
        let listener = cload_floor_listen(&port, &error)
        guard listener >= 0 else { throw BenchFailure(error) }
        print(port)
        fflush(nil)
        return listener
    }

    /// The first line the sender prints, once connecting to it makes sense.
    static func listeningPort(_ sender: borrowing ChildProcess) throws(BenchFailure) -> UInt16 {
        let deadline = cload_now() + 10_000_000_000
        while cload_now() < deadline, sender.exitCode(within: 0.01) == nil {
            let text = readFile(sender.logPath)
            if text.hasSuffix("\n"), let port = UInt16(text.dropLast()) { return port }
        }
        throw BenchFailure("the program doesn't listen: \(sender.logTail)")
    }
}

/// The other end of the floor, in a process of its own as the server is.
struct FloorSender: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor-sender", abstract: "Send ready-made frames to connections.", shouldDisplay: false)

    @Option var connections: UInt32
    @Option var frameBytes: UInt32
    @Option var bytesPerCall: UInt32
    @Option var seconds: Double
    @Flag var blocking = false

    func run() throws {
        var error = cload_error()
        var config = cload_floor_config()
        config.listener = try FloorMeasurement.announceListener(connections: connections)
        config.connections = connections
        config.frame_bytes = frameBytes
        config.bytes_per_call = bytesPerCall
        config.seconds = seconds
        config.blocking = blocking
        var result = cload_floor_result()
        guard cload_floor_send(&config, &result, &error) else { throw BenchFailure(error) }
        print(result.bytes, result.calls, result.elapsed_ns, result.cpu_ns)
    }
}

/// The floor by itself: what the generator costs, and what the machine gives today.
struct Floor: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measure plain send() of ready-made frames.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Connections.") var clients = 1_000
    @Option(help: "Bytes of a frame, header included.") var frameBytes = 420
    @Option(help: "Frames per call; may be repeated.") var frames = [32, 128, 512]

    mutating func validate() throws {
        guard clients >= 1, (64...65_535).contains(frameBytes), frames.allSatisfy({ (1...4_096).contains($0) }) else {
            throw ValidationError("at least one client, frames of 64 to 65535 bytes, and 1 to 4096 of them per call.")
        }
    }

    func run() throws {
        print("| frames per call | deliveries/s | bytes per call | sender, cores | drain thread, cores | other programs, cores |")
        print("|---|---|---|---|---|---|")
        for count in frames {
            let floor = try FloorMeasurement.best(
                connections: clients, frameBytes: frameBytes, bytesPerCall: Double(count * frameBytes), options: options)
            print(
                "| \(count) | \(millions(floor.deliveriesPerSecond)) | \(rounded(floor.bytesPerCall))"
                    + " | \(rounded(floor.senderCores)) | \(rounded(floor.drainCores))"
                    + " | \(rounded(floor.otherCores)) |")
        }
    }
}

/// `12.3 M`
func millions(_ value: Double) -> String { "\(rounded(value / 1e6)) M" }
