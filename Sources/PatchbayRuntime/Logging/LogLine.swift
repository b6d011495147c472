import Logging

/// What a line says, before it has a form.
struct LogLine: Sendable {
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: Logger.Metadata
    /// The module that logged it, at `debug` and below.
    var source: String?

    /// Bytes of its texts, roughly: what remembering it costs.
    var weight: Int { message.utf8.count + Self.weight(of: .dictionary(metadata)) }

    private static func weight(of value: Logger.MetadataValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .stringConvertible: 32
        case .array(let values): values.reduce(16) { $0 + weight(of: $1) }
        case .dictionary(let members): members.reduce(16) { $0 + $1.key.utf8.count + weight(of: $1.value) }
        }
    }
}
