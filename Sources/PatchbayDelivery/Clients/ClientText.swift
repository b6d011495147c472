/// Text that a client sent, made safe to repeat in answers and log lines: bounded, on one line, without characters that
/// could move a terminal's cursor or reorder what is shown.
package enum ClientText {
    /// Unicode scalars of a text that are repeated. Not characters: one of those may have any number of bytes.
    static let limit = 100

    package static func shown(_ text: some StringProtocol, limit: Int = ClientText.limit) -> String {
        var result = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            guard count < limit else { return result + "…" }
            if isHarmless(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            }
        }
        return result
    }

    /// The same characters that no channel's name may have (`ChannelName.Fault.unprintable`).
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }
}
