/// What a plain scalar is, by the core schema of YAML 1.2 (section 10.3.2), narrowed where YAML is known to surprise:
/// only `true` and `false` are booleans, only `null`, `~` and nothing are null.
package enum ScalarType: Sendable, Equatable {
    case null
    case bool(Bool)
    /// `nil` when it doesn't fit into 64 bits.
    case integer(Int64?)
    case number(Double)
    case text

    package init(plain text: String) {
        switch text {
        case "", "~", "null": self = .null
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        default: self = Self.numeric(text) ?? .text
        }
    }

    private static func numeric(_ text: String) -> ScalarType? {
        let bytes = Array(text.utf8)
        if bytes.starts(with: [0x30, 0x78]) { return radix(text, 16) }
        if bytes.starts(with: [0x30, 0x6F]) { return radix(text, 8) }

        var index = 0
        func digits() -> Int {
            let start = index
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
            return index - start
        }
        if let first = bytes.first, first == 0x2B || first == 0x2D { index = 1 }
        switch String(decoding: bytes[index...], as: UTF8.self) {
        case ".inf": return .number(bytes.first == 0x2D ? -.infinity : .infinity)
        case ".nan" where index == 0: return .number(.nan)
        default: break
        }
        let whole = digits()
        if whole > 0 && index == bytes.count { return .integer(Int64(text)) }
        var fraction = 0
        if index < bytes.count, bytes[index] == 0x2E {
            index += 1
            fraction = digits()
        }
        guard whole + fraction > 0 else { return nil }
        if index < bytes.count, bytes[index] == 0x65 || bytes[index] == 0x45 {
            index += 1
            if index < bytes.count, bytes[index] == 0x2B || bytes[index] == 0x2D { index += 1 }
            guard digits() > 0 else { return nil }
        }
        guard index == bytes.count else { return nil }
        // Swift parses neither `.5` nor `5.` with certainty across versions; a zero on each side is always right.
        var normal = text.first == "+" ? String(text.dropFirst()) : text
        if normal.hasPrefix(".") { normal = "0" + normal }
        if normal.hasPrefix("-.") { normal = "-0" + normal.dropFirst() }
        if normal.hasSuffix(".") { normal += "0" }
        if let dot = normal.firstIndex(of: "."), let next = normal[dot...].dropFirst().first, next == "e" || next == "E" {
            normal.insert("0", at: normal.index(after: dot))
        }
        return Double(normal).map { .number($0) }
    }

    private static func radix(_ text: String, _ radix: Int) -> ScalarType? {
        let digits = text.dropFirst(2)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: radix) }) else { return nil }
        return .integer(Int64(digits, radix: radix))
    }

    private static func isDigit(_ byte: UInt8, radix: Int) -> Bool {
        switch byte {
        case 0x30...0x37: true
        case 0x38...0x39, 0x41...0x46, 0x61...0x66: radix == 16
        default: false
        }
    }
}
