/// Text of a file or of the environment, made safe to print: bounded, on one line, without characters that could move a
/// terminal's cursor or reorder what is shown.
package enum DisplayText {
    /// Characters of one text that a message repeats.
    static let limit = 60

    /// In backticks, as messages name keys and values.
    static func quoted(_ text: String) -> String { "`\(plain(text))`" }

    package static func plain(_ text: String) -> String {
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit {
                result += "…"
                break
            }
            result += escaped(scalar)
            count += 1
        }
        return result
    }

    /// `a`, `b`, `c`
    static func list(_ names: some Sequence<String>) -> String {
        names.map(quoted).joined(separator: ", ")
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: isHarmless(scalar) ? String(scalar) : code(scalar)
        }
    }

    /// Such as `U+0007`.
    package static func code(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Whether a scalar may go to a terminal as it is: no controls, line breaks or bidirectional overrides.
    package static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }
}
