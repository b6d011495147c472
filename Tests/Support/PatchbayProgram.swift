import Foundation

/// A `patchbay` process.
public final class PatchbayProgram: @unchecked Sendable {
    // Sound: Process is used from one test at a time, and its output is only read.
    private let process = Process()
    /// A file without a name: whatever a process wrote is in it when the process has ended, which with a pipe takes
    /// somebody who reads, and the end of the pipe.
    private let output: FileHandle

    /// - Parameter standardOutput: takes standard output in place of `text`.
    /// - Parameter standardInput: in place of `input`.
    /// - Parameter mostFiles: descriptors it may have; by default as many as the tests.
    public init(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil, standardOutput: FileHandle? = nil,
        standardInput: FileHandle? = nil, mostFiles: Int? = nil
    ) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SocketFailure(description: "can't create \(path): errno \(errno)") }
        unlink(path)
        output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let program = Bundle.main.bundleURL.appendingPathComponent("patchbay")
        if let mostFiles {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n \(mostFiles); exec \"$0\" \"$@\"", program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        // What would win over the files of the tests.
        let winning = ["PORT", "ADMIN_PORT", "KAFKA_BROKERS", "KAFKA_CONSUMER_GROUP", "MAX_CLIENTS", "LOG_LEVEL", "LOG_FORMAT"]
        var all = ProcessInfo.processInfo.environment.filter { !winning.contains($0.key) }
        all.merge(environment) { $1 }
        process.environment = all
        process.standardOutput = standardOutput ?? output
        process.standardError = output
        if let standardInput {
            process.standardInput = standardInput
        } else if let input {
            let pipe = Pipe()
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
            process.standardInput = pipe
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
    }

    deinit { if isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// What it has written so far, to standard output and standard error.
    public var text: String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(output.fileDescriptor, &part, part.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }

    public func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    public var isRunning: Bool { exit == nil }

    public var identifier: Int32 { process.processIdentifier }

    /// Awaits the end and returns the exit code, with a signal as its negative number. `text` is complete then.
    public func exitCode() async throws -> Int32 {
        try await eventually("patchbay to end; it said: \(text)") { !isRunning }
        return exit ?? 0
    }

    /// The exit code, or the signal as its negative number; `nil` while it runs.
    ///
    /// The kernel is asked, and Foundation only once it has taken the answer: it notices an end by a socket that closes, which a
    /// process started at the same moment may have inherited, and then it goes unnoticed for as long as that one runs.
    private var exit: Int32? {
        var state = siginfo_t()
        // Zero where nothing has ended yet: the call leaves it alone then.
        guard waitid(P_PID, id_t(process.processIdentifier), &state, WEXITED | WNOHANG | WNOWAIT) == 0 else {
            guard !process.isRunning else { return nil }
            return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        }
        guard state.si_signo == SIGCHLD else { return nil }
        let status = state._sifields._sigchld.si_status
        return state.si_code == CInt(CLD_EXITED) ? status : -status
    }
}
