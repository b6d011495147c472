import ArgumentParser

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
