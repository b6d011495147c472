/// Numbers of YAML as JSON writes them.
enum JSONNumber {
    /// As it is written where that is JSON (RFC 8259, section 6), else the same number; `nil` for what JSON can't say.
    static func text(_ yaml: String) -> String? {
        if isJSON(yaml) { return yaml }
        let type = ScalarType(plain: yaml)
        if case .integer(let value?) = type { return "\(value)" }
        // `.5`, `5.`, `+5`, `007`: only digits are added or left out, so that none is rounded away.
        var digits = yaml[...]
        let sign = digits.hasPrefix("-") ? "-" : ""
        if digits.hasPrefix("-") || digits.hasPrefix("+") { digits = digits.dropFirst() }
        let whole = digits.prefix { $0.isNumber }
        var rest = String(digits[whole.endIndex...])
        if rest.hasPrefix("."), rest.dropFirst().first?.isNumber != true { rest = String(rest.dropFirst()) }
        let significant = whole.drop { $0 == "0" }
        let text = sign + (significant.isEmpty ? "0" : significant) + rest
        return isJSON(text) ? text : nil
    }

    private static func isJSON(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        if bytes.first == 0x2D { bytes = bytes.dropFirst() }
        guard isDigit(bytes.first) else { return false }
        bytes = bytes.first == 0x30 ? bytes.dropFirst() : bytes.drop(while: isDigit)
        if bytes.first == 0x2E {
            bytes = bytes.dropFirst()
            guard isDigit(bytes.first) else { return false }
            bytes = bytes.drop(while: isDigit)
        }
        if bytes.first == 0x65 || bytes.first == 0x45 {
            bytes = bytes.dropFirst()
            if bytes.first == 0x2B || bytes.first == 0x2D { bytes = bytes.dropFirst() }
            guard isDigit(bytes.first) else { return false }
            bytes = bytes.drop(while: isDigit)
        }
        return bytes.isEmpty
    }
}
