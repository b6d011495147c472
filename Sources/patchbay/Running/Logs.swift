import ArgumentParser
import Logging

/// Log lines go to standard error.
enum Logs {
    /// - Throws: `ValidationError` when `LOG_LEVEL` is no level.
    static func start(environment: [String: String]) throws -> Logger {
        let word = environment["LOG_LEVEL"]?.lowercased() ?? "info"
        guard let level = Logger.Level(rawValue: word) else {
            throw Exit.because(
                "LOG_LEVEL=\(word) is no level; use one of "
                    + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "), Exit.configuration)
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "patchbay")
    }
}
