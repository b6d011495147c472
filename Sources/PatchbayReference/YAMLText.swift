import PatchbayAPI

/// Values as YAML on one line, read alike by YAML 1.1 and 1.2.
package enum YAMLText {
    /// In flow style: `[a, b]`, `{ a: 1 }`. `order` says in which order the names of the outermost mapping come; others
    /// follow alphabetically.
    static func flow(_ value: ConfigValue, order: [String] = []) -> String {
        switch value {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return number(value)
        case .string(let text): return scalar(text)
        // JSON is YAML, too.
        case .json(let text): return text
        case .list(let items): return "[" + items.map { flow($0) }.joined(separator: ", ") + "]"
        case .map(let entries):
            guard !entries.isEmpty else { return "{}" }
            let first = order.map { ByteString($0) }.filter { entries[$0] != nil }
            let names = first + entries.keys.filter { !first.contains($0) }.sorted()
            return "{ "
                + names.compactMap { name in entries[name].map { "\(scalar(name.string)): \(flow($0))" } }
                .joined(separator: ", ") + " }"
        }
    }

    /// A text, in quotes where it would otherwise be something else.
    package static func scalar(_ text: String) -> String {
        if isPlain(text) { return text }
        // Single quotes keep expressions readable, but have no escapes.
        let needsEscapes = !text.unicodeScalars.allSatisfy(PrintableText.isPrintable)
        let hasEscapable = text.contains("\"") || text.contains("\\")
        if hasEscapable && !needsEscapes { return "'" + text.replacing("'", with: "''") + "'" }
        return PrintableText.quoted(text)
    }

    /// YAML 1.1 takes an exponent only behind a fraction.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return ".nan" }
        if value.isInfinite { return value < 0 ? "-.inf" : ".inf" }
        let text = "\(value)"
        guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    /// What YAML 1.1 or 1.2 take for a boolean or null.
    private static let words: Set<String> = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]

    /// Narrower than YAML's own rule, which no two parsers agree on: words of letters, digits and a few signs.
    private static func isPlain(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, last != 0x20, last != 0x3A else { return false }
        guard isLetter(first) || first == 0x2F else { return isQuantity(bytes) }
        guard !words.contains(text.lowercased()) else { return false }
        return bytes.indices.allSatisfy { index in
            switch bytes[index] {
            case 0x3A: bytes[index + 1] != 0x20 && bytes[index + 1] != 0x3A
            case 0x20: bytes[index + 1] != 0x20
            case let byte: isLetter(byte) || isDigit(byte) || [0x2D, 0x2E, 0x2F].contains(byte)
            }
        }
    }

    /// Such as `10s`, `64KiB` and `127.0.0.1`; neither `0x1F` nor `1e5` nor `1.5`.
    private static func isQuantity(_ bytes: [UInt8]) -> Bool {
        let parts = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
        if parts.count > 2 && parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isDigit) }) { return true }
        let digits = bytes.prefix(while: isDigit)
        let unit = bytes[digits.count...]
        return !digits.isEmpty && !unit.isEmpty && unit.allSatisfy { isLetter($0) && $0 != 0x5F }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
