import Logging

/// What a log line looks like.
enum LogFormat: String, Sendable, CaseIterable {
    /// For people: time, level, message, `key=value`.
    case text
    /// For machines: one JSON object per line.
    case json
}

/// An environment variable that says something about logs which nobody understands.
package struct LogSettingError: Error, Equatable, CustomStringConvertible {
    /// Such as `LOG_LEVEL`.
    let variable: String
    /// As it was given.
    let value: String
    /// Everything that would have been understood.
    let allowed: [String]

    /// One line, safe to print whatever the value contains.
    package var description: String {
        var line = LineWriter()
        line.raw("\(variable)=")
        line.escaped(value, for: .text)
        line.raw(" is not understood; use one of \(allowed.joined(separator: ", "))")
        return line.string
    }
}

/// How to log, as the environment says.
struct LogSettings: Sendable, Equatable {
    /// `LOG_FORMAT`.
    var format: LogFormat
    /// `LOG_LEVEL`: lines below it cost next to nothing and are not written.
    var level: Logger.Level

    init(format: LogFormat = .text, level: Logger.Level = .info) {
        self.format = format
        self.level = level
    }

    /// Reads `LOG_FORMAT` and `LOG_LEVEL`, in any case; empty ones count as unset, because compose files pass unset
    /// variables on as empty ones.
    init(environment: [String: String]) throws(LogSettingError) {
        self.init(
            format: try Self.read("LOG_FORMAT", from: environment) ?? .text,
            level: try Self.read("LOG_LEVEL", from: environment) ?? .info)
    }

    private static func read<Word: RawRepresentable<String> & CaseIterable>(
        _ variable: String, from environment: [String: String]
    ) throws(LogSettingError) -> Word? {
        guard let value = environment[variable], !value.isEmpty else { return nil }
        guard let word = Word(rawValue: value.lowercased()) else {
            throw LogSettingError(variable: variable, value: value, allowed: Word.allCases.map(\.rawValue))
        }
        return word
    }
}
