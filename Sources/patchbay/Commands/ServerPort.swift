import ArgumentParser
import Foundation

/// The port of a running server, as an option or a variable names it.
enum ServerPort {
    static let range = 1...65_535

    /// - Throws: when what `--port` says can't be a port.
    static func check(_ port: Int?) throws {
        guard let port, !range.contains(port) else { return }
        throw ValidationError("--port must be between \(range.lowerBound) and \(range.upperBound)")
    }

    /// What the variable says; `fallback` when it is not set, or to nothing.
    ///
    /// - Throws: exit code 78, after saying so, when it says something else.
    static func of(_ variable: String, default fallback: Int) throws -> Int {
        guard let text = ProcessInfo.processInfo.environment[variable], !text.isEmpty else { return fallback }
        guard let port = Int(text), range.contains(port) else {
            throw Exit.because(
                "\(variable) is `\(text)`, which is not a valid port (\(range.lowerBound) to \(range.upperBound))",
                Exit.configuration)
        }
        return port
    }
}
