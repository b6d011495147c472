import Foundation

/// A program of somebody else's that checks what ours made: a validator, Prometheus' own tool, the compiler.
public enum ExternalProgram {
    public struct Result: Sendable {
        public var status: Int32
        public var output: String
        public var errors: String
        /// Both, for the reader of a failure.
        public var said: String { output + errors }
    }

    /// Runs it to its end, on a thread of its own.
    ///
    /// - Parameters:
    ///   - command: a path or a name to be found in `PATH`, then the arguments.
    ///   - folder: where it runs; by default where the tests do.
    /// - Throws: when it can't be started.
    public static func run(_ command: [String], input: String = "", in folder: URL? = nil) async throws -> Result {
        try await offPool {
            let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("program-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: scratch) }
            // Files rather than pipes, which hold only so much while nobody reads.
            func file(_ name: String, _ text: String = "") throws -> URL {
                let url = scratch.appendingPathComponent(name)
                try text.write(to: url, atomically: false, encoding: .utf8)
                return url
            }
            let (output, errors) = (try file("output"), try file("errors"))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = command
            if let folder { process.currentDirectoryURL = folder }
            process.standardInput = try FileHandle(forReadingFrom: try file("input", input))
            process.standardOutput = try FileHandle(forWritingTo: output)
            process.standardError = try FileHandle(forWritingTo: errors)
            try process.run()
            process.waitUntilExit()
            return Result(
                status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
                errors: try String(contentsOf: errors, encoding: .utf8))
        }
    }
}
