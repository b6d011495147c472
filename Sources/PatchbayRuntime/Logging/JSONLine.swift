import Logging

/// A log line as one JSON object (RFC 8259), for machines.
enum JSONLine {
    static func write(_ line: LogLine, milliseconds: Int64, to writer: inout LineWriter) {
        writer.raw("{\"timestamp\":\"")
        writer.timestamp(milliseconds)
        writer.raw("\",\"level\":\"\(line.level.rawValue)\",\"logger\":")
        string(line.label, to: &writer)
        writer.raw(",\"message\":")
        string(line.message, to: &writer)
        if let source = line.source {
            writer.raw(",\"source\":")
            string(source, to: &writer)
        }
        for (key, value) in MetadataKeys.members(line.metadata) {
            writer.raw(",\"\(key)\":")
            self.value(value, depth: 0, to: &writer)
        }
        writer.raw("}\n")
    }

    /// Deeper values are written as one string.
    private static let maximumDepth = 16

    static func value(_ value: Logger.MetadataValue, depth: Int, to writer: inout LineWriter) {
        switch value {
        case .string(let text): string(text, to: &writer)
        case .stringConvertible(let value):
            switch value {
            case let flag as Bool: writer.raw(flag ? "true" : "false")
            case let number as any BinaryInteger: writer.raw(number.description)
            case let number as Double where number.isFinite: writer.raw(number.description)
            default: string(value.description, to: &writer)
            }
        case _ where depth >= maximumDepth: string("\(value)", to: &writer)
        case .array(let values):
            writer.raw("[")
            for (index, value) in values.enumerated() {
                if index > 0 { writer.raw(",") }
                self.value(value, depth: depth + 1, to: &writer)
            }
            writer.raw("]")
        case .dictionary(let members):
            writer.raw("{")
            for (index, member) in MetadataKeys.members(members, top: false).enumerated() {
                writer.raw((index > 0 ? "," : "") + "\"\(member.key)\":")
                self.value(member.value, depth: depth + 1, to: &writer)
            }
            writer.raw("}")
        }
    }

    private static func string(_ text: String, to writer: inout LineWriter) {
        writer.raw("\"")
        writer.escaped(text, for: .json)
        writer.raw("\"")
    }
}
