import Foundation
import Synchronization
import TestSupport

/// One process of a real Kafka, broker and controller in one, with a data folder of its own.
///
/// Thread: any; starts and stops come from one task.
final class KafkaNode: @unchecked Sendable {
    // Sound: `process` and `input` are touched by one task at a time, the one that starts and kills.
    let identifier: Int
    let folder: URL
    private let properties: [(name: String, value: String)]
    private var process: Process?
    /// Held open while the node shall live: its end, also because the tests died, ends the node.
    private var input: Pipe?

    /// `server.properties`, in order; later ones win.
    init(identifier: Int, folder: URL, properties: [(name: String, value: String)]) {
        self.identifier = identifier
        self.folder = folder
        self.properties = properties
    }

    private var file: URL { folder.appendingPathComponent("server.properties") }
    private var data: URL { folder.appendingPathComponent("data") }
    private var pidFile: URL { folder.appendingPathComponent("pid") }
    var log: String { (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? "" }

    /// Starts the process, and prepares its data folder if there is none. Doesn't wait until it serves.
    /// - Parameter changes: properties that win over those of the node, for this start.
    func start(_ changes: [(name: String, value: String)] = []) async throws {
        var all: [String: String] = ["node.id": "\(identifier)", "log.dirs": data.path]
        for (name, value) in properties + changes { all[name] = value }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try all.map { "\($0.key)=\($0.value)\n" }.sorted().joined().write(to: file, atomically: true, encoding: .utf8)
        if !FileManager.default.fileExists(atPath: data.appendingPathComponent("meta.properties").path) {
            // Any base64 of 16 bytes; the same for all nodes.
            try await KafkaRelease.run(
                "kafka-storage.sh", ["format", "--cluster-id", "UGF0Y2hiYXktdGVzdHMuLg", "--config", file.path], logs: folder)
        }
        try? FileManager.default.removeItem(at: pidFile)
        let process = Process()
        let pipe = Pipe()
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // The script becomes the Java process; the shell around it ends it when standard input does.
        process.arguments =
            KafkaRelease.environment(logs: folder, megabytes: 384) + [
                "bash", "-c", #""$1" "$2" >>"$3" 2>&1 </dev/null & echo $! >"$4"; cat >/dev/null; kill -9 $! 2>/dev/null"#, "node",
                KafkaRelease.program("kafka-server-start.sh"), file.path, folder.appendingPathComponent("log").path, pidFile.path,
            ]
        process.standardInput = pipe
        try process.run()
        (self.process, input) = (process, pipe)
        try await eventually("node \(identifier) has a process") { pid != nil }
    }

    private var pid: Int32? {
        (try? String(contentsOf: pidFile, encoding: .utf8)).flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// `kill -9`: no goodbye, and what was not written to disk is lost with the page cache of nobody.
    func kill() {
        guard let process else { return }
        if let pid { Glibc.kill(pid, SIGKILL) }
        try? input?.fileHandleForWriting.close()
        process.waitUntilExit()
        (self.process, input) = (nil, nil)
    }

    /// Forgets everything, as a disk that was replaced does. Only while it is down.
    func wipe() throws { try FileManager.default.removeItem(at: data) }

    /// Stops it from doing anything, connections open, until `thaw`.
    func freeze() { if let pid { Glibc.kill(pid, SIGSTOP) } }
    func thaw() { if let pid { Glibc.kill(pid, SIGCONT) } }
}

/// Ports of loopback that nobody uses at the moment.
enum FreePorts {
    private static let given = Mutex<Set<Int>>([])

    /// Below the range that the system gives to connections that go out, so that a node that is down keeps its own.
    static func next() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 20_000..<30_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if isFree(port) { return port }
        }
        throw KafkaFailure("no free port between 20000 and 30000")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
