import Foundation
import TestSupport

/// A `patchbay` process.
final class PatchbayProgram: @unchecked Sendable {
    // Sound: Process is used from one test at a time, and its pipes are only read.
    private let process = Process()
    private let output = Pipe()
    private let collected = NSMutableData()
    private var isOutputAtEnd = false
    private let lock = NSLock()

    init(_ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws {
        process.executableURL = Bundle.main.bundleURL.appendingPathComponent("patchbay")
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment
        all.merge(environment) { $1 }
        process.environment = all
        process.standardOutput = output
        process.standardError = output
        if let input {
            let pipe = Pipe()
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
            process.standardInput = pipe
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.lock.withLock {
                self?.collected.append(data)
                if data.isEmpty { self?.isOutputAtEnd = true }
            }
        }
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var text: String { lock.withLock { String(decoding: collected as Data, as: UTF8.self) } }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    var isRunning: Bool { process.isRunning }

    /// Awaits the end of the process and of its output; returns the exit code, with a signal as its negative number.
    func exitCode() async throws -> Int32 {
        try await eventually("patchbay to end; it said: \(text)") { !process.isRunning }
        // What it wrote last may be read a moment after it has ended.
        try await eventually("the end of its output") { lock.withLock { isOutputAtEnd } }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}
