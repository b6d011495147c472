import PatchbayConfig

/// Text in a form that JSON, YAML and terminals all take.
enum PrintableText {
    /// In double quotes. The escapes are those that JSON (RFC 8259, section 7) and YAML 1.2 (section 5.7) share, and cover
    /// what YAML forbids or folds and what would move a terminal's cursor.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    result += escape(scalar)
                }
            }
        }
        return result + "\""
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        DisplayText.isHarmless(scalar) && !(0xFFFE...0xFFFF).contains(scalar.value)
    }

    /// On one line, such as a file's name in a comment.
    static func line(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if isPrintable(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                result += DisplayText.code(scalar)
            }
        }
        return result
    }

    /// All unprintable characters have at most four digits.
    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let hex = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
    }
}
