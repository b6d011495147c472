import CLoad
import Glibc

/// A program started by the bench; it is ended when this goes out of scope, and when the bench dies.
struct ChildProcess: ~Copyable {
    let pid: pid_t
    let logPath: String

    /// - Parameters:
    ///   - arguments: the first is the path of the program.
    ///   - isPinned: whether it may use one processor only.
    init(
        _ arguments: [String], environment: [String], logPath: String, isPinned: Bool = false
    ) throws(BenchFailure) {
        self.logPath = logPath
        var error = cload_error()
        let argv = CStrings(arguments)
        let envp = CStrings(environment)
        let started = cload_spawn(argv.pointers, envp.pointers, logPath, isPinned, &error)
        guard started > 0 else { throw BenchFailure(error) }
        pid = started
    }

    deinit { Self.end(pid, seconds: 5) }

    var usage: cload_usage {
        var usage = cload_usage()
        _ = cload_process_usage(pid, &usage)
        return usage
    }

    /// CPU time alone, for many looks.
    var cpuNanoseconds: UInt64 { cload_process_cpu_ns(pid) }

    /// The end of what it printed.
    var logTail: String { readFile(logPath, limit: 4_000) }

    /// Waits for it to end by itself; its exit code, 128 + signal when it was killed, `nil` when it runs on.
    func exitCode(within seconds: Double) -> Int? {
        var status: Int32 = 0
        return cload_wait_exit(pid, UInt32(seconds * 1e3), &status) == 1 ? Int(status) : nil
    }

    /// Ends it by SIGTERM, or SIGKILL when that doesn't help. Returns the exit code.
    func stop(seconds: Double) -> Int? { Self.end(pid, seconds: seconds) }

    @discardableResult
    private static func end(_ pid: pid_t, seconds: Double) -> Int? {
        var status: Int32 = 0
        // Already waited for: the number may belong to somebody else by now.
        guard cload_wait_exit(pid, 0, &status) == 0 else { return nil }
        kill(pid, SIGTERM)
        if cload_wait_exit(pid, UInt32(seconds * 1e3), &status) == 1 { return Int(status) }
        kill(pid, SIGKILL)
        return cload_wait_exit(pid, 5_000, &status) == 1 ? Int(status) : nil
    }
}

/// An array of C strings with a NULL at its end. The pointers are made here, never change, and live as long as this.
final class CStrings {
    private var owned: [UnsafeMutablePointer<CChar>?]
    let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>

    init(_ strings: [String]) {
        owned = strings.map { strdup($0) }
        pointers = .allocate(capacity: strings.count + 1)
        for (index, string) in owned.enumerated() { pointers[index] = UnsafePointer(string) }
        pointers[strings.count] = nil
    }

    deinit {
        for string in owned { free(string) }
        pointers.deallocate()
    }
}
