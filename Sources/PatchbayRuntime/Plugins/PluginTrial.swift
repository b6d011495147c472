import Foundation
import PatchbayAPI
import PatchbayPlugins

/// `plugin test`: the checks of a plugin run in a process of their own, since a plugin that breaks the contract may end it. That
/// process says by lines what it does, and this one what came of it.
package enum PluginTrial {
    /// What came of all checks.
    package struct Report: Encodable {
        package struct Check: Encodable {
            package var name: String
            /// `passed`, `failed` or `skipped`.
            package var outcome: String
            package var reason: String?
        }

        package struct Cost: Encodable {
            package var transformer: String
            package var nanosecondsPerRecord: Int
        }

        package var plugin: String
        package var checks: [Check] = []
        package var costs: [Cost] = []

        package var hasFailed: Bool { checks.contains { $0.outcome == "failed" } }

        package var text: String {
            var text = ""
            for check in checks {
                let sign = ["passed": "ok  ", "skipped": "skip"][check.outcome] ?? "FAIL"
                text += "\(sign)  \(check.name)\(check.reason.map { "\n      \($0)" } ?? "")\n"
            }
            for cost in costs {
                text += "\(cost.transformer) takes \(cost.nanosecondsPerRecord) ns per record, in batches of 100 of its first example\n"
            }
            let failed = checks.count { $0.outcome == "failed" }
            return text + "\(plugin): "
                + (failed == 0
                    ? "ok, \(Counted.text(checks.count, "check"))" : "\(failed) of \(Counted.text(checks.count, "check")) failed") + "\n"
        }
    }

    /// Why nothing could be checked.
    package struct Failure: Error {
        package let sentence: String
    }

    // MARK: The process that runs them

    /// Runs the checks in this process and says so in lines.
    package static func here(_ path: String, options: String?, say: @escaping (String) -> Void) throws(Failure) {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(sentence: "can't read \(path): \(ErrorSentence.of(error))")
        }
        func line(_ parts: String...) {
            say(parts.map { $0.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined() }.joined(separator: "\t") + "\n")
        }
        PluginConformance(Array(content), name: path, options: options.map { Array($0.utf8) }) { event in
            switch event {
            case .begins(let name): line("begins", name)
            case .ended(let name, .passed): line("passed", name)
            case .ended(let name, .failed(let reason)): line("failed", name, reason)
            case .ended(let name, .skipped(let reason)): line("skipped", name, reason)
            case .cost(let transformer, let nanoseconds): line("cost", transformer, String(nanoseconds))
            }
        }.run()
        line("done")
    }

    // MARK: The process that asks for them

    /// - Parameters:
    ///   - command: program and arguments that call `here`.
    ///   - patience: how long one check may take.
    package static func run(_ path: String, command: [String], patience: Duration) throws(Failure) -> Report {
        var isFolder: ObjCBool = false
        guard !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) || !isFolder.boolValue else {
            throw Failure(sentence: "can't read \(path): it is a folder; give the plugin's file")
        }
        guard FileManager.default.isReadableFile(atPath: path) else { throw Failure(sentence: "can't read \(path)") }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        // Swift's own report of a crash takes minutes with a large program, and holds the pipe meanwhile.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
            .merging(SanitizerRuntime.environment(for: path)) { $1 }
        process.standardOutput = pipe
        do {
            try process.run()
        } catch {
            throw Failure(sentence: "can't start \(command[0]): \(ErrorSentence.of(error))")
        }
        var report = Report(plugin: path)
        var lines = Lines(descriptor: pipe.fileHandleForReading.fileDescriptor, patience: patience)
        var running: String?
        var isDone = false
        while let line = lines.next() {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            switch (parts.first, parts.count) {
            case ("begins", 2): running = parts[1]
            case ("passed", 2), ("failed", 3), ("skipped", 3):
                report.checks.append(.init(name: parts[1], outcome: parts[0], reason: parts.count > 2 ? parts[2] : nil))
                running = nil
            case ("cost", 3): report.costs.append(.init(transformer: parts[1], nanosecondsPerRecord: Int(parts[2]) ?? 0))
            case ("done", 1): isDone = true
            // The plugin writes to standard output, which isn't its own.
            default: break
            }
        }
        if lines.isOutOfPatience {
            kill(process.processIdentifier, SIGKILL)
            report.checks.append(
                .init(name: running ?? "it comes to an end", outcome: "failed", reason: "it didn't return within \(patience.readable)"))
            return report
        }
        process.waitUntilExit()
        guard !isDone else { return report }
        let how =
            process.terminationReason == .uncaughtSignal
            ? "signal \(process.terminationStatus) ended the process; in the router it would be the router's"
            : "it ended the process with code \(process.terminationStatus)"
        report.checks.append(.init(name: running ?? "it comes to an end", outcome: "failed", reason: how))
        return report
    }

    /// Lines of a pipe, as long as they come in time.
    private struct Lines {
        let descriptor: Int32
        let patience: Duration
        private(set) var isOutOfPatience = false
        private var rest: [UInt8] = []

        init(descriptor: Int32, patience: Duration) {
            self.descriptor = descriptor
            self.patience = patience
        }

        mutating func next() -> String? {
            while true {
                if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    defer { rest.removeSubrange(...end) }
                    return String(decoding: rest[..<end], as: UTF8.self)
                }
                var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                let count = withUnsafeMutablePointer(to: &poll) { systemPoll($0, Int32(patience / .milliseconds(1))) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    isOutOfPatience = count == 0
                    return nil
                }
                var part = [UInt8](repeating: 0, count: 4096)
                let read = read(descriptor, &part, part.count)
                guard read > 0 else { return nil }
                rest += part[..<read]
            }
        }
    }
}

/// `poll` of the C library, which a variable of that name hides.
private func systemPoll(_ descriptors: UnsafeMutablePointer<pollfd>, _ milliseconds: Int32) -> Int32 {
    poll(descriptors, 1, milliseconds)
}
