import ArgumentParser
import Logging
import PatchbayLogging

/// Log lines go to standard error.
enum Logs {
    /// For commands that say themselves what went wrong.
    static let quiet: Logger = {
        var logger = Logger(label: "patchbay", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .critical
        return logger
    }()

    /// - Throws: exit code 78 when `LOG_LEVEL` or `LOG_FORMAT` is none, after saying so.
    static func start(environment: [String: String]) throws -> Logger {
        do throws(LogSettingError) {
            return try PatchbayLogs.bootstrap(environment: environment)
        } catch {
            throw Exit.because(error.description, Exit.configuration)
        }
    }
}
