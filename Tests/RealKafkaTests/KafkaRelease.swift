import Foundation
import TestSupport

/// The folder of an Apache Kafka release that `KAFKA_HOME` names, and its programs.
enum KafkaRelease {
    /// `nil` when the variable isn't set: no test needs it then.
    static let home = ProcessInfo.processInfo.environment["KAFKA_HOME"].flatMap { $0.isEmpty ? nil : $0 }

    static var isGiven: Bool { home != nil }

    static func program(_ name: String) -> String { "\(home ?? "")/bin/\(name)" }

    /// Small heaps, and log files in a folder of the test rather than in the release.
    static func environment(logs: URL, megabytes: Int = 256) -> [String] {
        ["LOG_DIR=\(logs.path)", "KAFKA_HEAP_OPTS=-Xmx\(megabytes)m -Xms64m"]
    }

    /// Runs one of the release's scripts to its end.
    @discardableResult
    static func run(_ name: String, _ arguments: [String], logs: URL) async throws -> String {
        let result = try await ExternalProgram.run(environment(logs: logs) + [program(name)] + arguments)
        guard result.status == 0 else { throw KafkaFailure("\(name) \(arguments) ended with \(result.status): \(result.said)") }
        return result.said
    }
}

/// A step of a test's own that the broker didn't go along with.
struct KafkaFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
