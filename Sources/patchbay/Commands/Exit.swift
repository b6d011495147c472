import ArgumentParser
import Logging
import PatchbayRuntime

/// Exit codes, after sysexits.h.
enum Exit {
    /// A needed service is not there.
    static let unavailable = ExitCode(69)
    /// A bug.
    static let internalError = ExitCode(70)
    /// What was asked for can't be printed.
    static let inputOutput = ExitCode(74)
    /// Bad configuration.
    static let configuration = ExitCode(78)

    /// Ends a command: says why on standard error, and returns the code to throw.
    static func because(_ message: String, _ code: ExitCode) -> ExitCode {
        Output.error("patchbay: \(message)\n")
        return code
    }
}

/// Log lines go to standard error.
enum Logs {
    /// - Throws: exit code 78 when `LOG_LEVEL` or `LOG_FORMAT` is none, after saying so.
    static func start(environment: [String: String]) throws -> Logger {
        do throws(LogSettingError) {
            return try PatchbayLogs.bootstrap(environment: environment)
        } catch {
            throw Exit.because(error.description, Exit.configuration)
        }
    }
}
