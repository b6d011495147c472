import Logging

/// A log line for people: `2026-01-31T12:00:00.000Z INFO  message  key=value key2="two words"`.
enum TextLine {
    static func write(_ line: LogLine, milliseconds: Int64, to writer: inout LineWriter) {
        writer.timestamp(milliseconds)
        let level = line.level.rawValue.uppercased()
        // Wide enough for the levels that are common, so that messages begin below each other.
        writer.raw(" \(level)\(String(repeating: " ", count: max(0, 5 - level.utf8.count))) ")
        writer.escaped(line.message, for: .text, quotes: false)
        var separator = "  "
        for (key, value) in MetadataKeys.members(line.metadata) {
            writer.raw("\(separator)\(key)=")
            self.value(value, to: &writer)
            separator = " "
        }
        if let source = line.source {
            writer.raw("\(separator)source=")
            text(source, to: &writer)
        }
        writer.raw("\n")
    }

    private static func value(_ value: Logger.MetadataValue, to writer: inout LineWriter) {
        switch value {
        case .string(let text): self.text(text, to: &writer)
        case .stringConvertible(let value): text(value.description, to: &writer)
        // A string that begins like these is quoted.
        case .array, .dictionary: JSONLine.value(value, depth: 0, to: &writer)
        }
    }

    /// Bare when that is unmistakable, else in quotation marks.
    private static func text(_ text: String, to writer: inout LineWriter) {
        let isBare =
            !text.isEmpty && text.unicodeScalars.first != "{" && text.unicodeScalars.first != "["
            && text.unicodeScalars.allSatisfy { LineWriter.isPlain($0) && !" \"\\=".unicodeScalars.contains($0) }
        guard !isBare else { return writer.raw(text) }
        writer.raw("\"")
        writer.escaped(text, for: .text)
        writer.raw("\"")
    }
}
