import PatchbayCore

/// Builds one line. Nothing that goes in through `escaped` can end the line, move a cursor or change what is displayed
/// around it.
struct LineWriter {
    /// Which escapes the reader of the line understands.
    enum Escapes {
        /// `\u{202E}`, as in Swift.
        case text
        /// `\u202e`, as in JSON.
        case json
    }

    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(256) }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Our own characters, as they are.
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Anybody's characters. Quotation marks and backslashes are escaped too, so that escapes can't be forged.
    mutating func escaped(_ text: String, for escapes: Escapes, quotes: Bool = true) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where quotes: raw("\\\"")
            case "\\": raw("\\\\")
            case "\n": raw("\\n")
            case "\r": raw("\\r")
            case "\t": raw("\\t")
            default:
                if Self.isPlain(scalar) {
                    bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                } else {
                    escape(scalar, for: escapes)
                }
            }
        }
    }

    private mutating func escape(_ scalar: Unicode.Scalar, for escapes: Escapes) {
        switch escapes {
        case .text: raw("\\u{\(String(scalar.value, radix: 16, uppercase: true))}")
        case .json:
            for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                let digits = String(unit, radix: 16)
                raw("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            }
        }
    }

    /// Whether a terminal shows a scalar as a mark of its own, in the order in which it comes: no control characters,
    /// no bidirectional overrides or other invisible formatting, no line separators, no spaces but the common one.
    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .unassigned: return false
        default: return true
        }
    }

    /// `milliseconds` since 1970 as ISO 8601 in UTC, such as `2026-01-31T12:00:00.000Z`.
    mutating func timestamp(_ milliseconds: Int64) { raw(Timestamp.text(milliseconds)) }
}
