/// Texts that a plugin hands out: of any bytes and any length, and for logs and terminals all the same.
enum PluginText {
    /// Bytes of a field's name that are kept.
    static let fieldLimit = 200
    /// Bytes of a sentence that are kept.
    static let sentenceLimit = 500

    /// A copy of at most `limit` bytes: what isn't UTF-8 becomes U+FFFD, and so do characters that could move a terminal's cursor
    /// or begin a line.
    static func bounded(_ bytes: UnsafeRawBufferPointer, limit: Int) -> String {
        let isCut = bytes.count > limit
        var kept = UnsafeRawBufferPointer(rebasing: bytes.prefix(limit))
        if isCut {
            // Not in the middle of a character.
            let tail = kept.suffix(3).reversed().prefix { $0 & 0xC0 == 0x80 }.count
            if tail < kept.count, kept[kept.count - tail - 1] >= 0xC0 {
                kept = UnsafeRawBufferPointer(rebasing: kept.prefix(kept.count - tail - 1))
            }
        }
        let text = String(decoding: kept, as: UTF8.self)
        guard isCut || !text.unicodeScalars.allSatisfy(isHarmless) else { return text }
        var result = ""
        for scalar in text.unicodeScalars { result.unicodeScalars.append(isHarmless(scalar) ? scalar : "\u{FFFD}") }
        return isCut ? result + "…" : result
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }
}

extension UnsafeRawBufferPointer {
    /// What a plugin gives as an address and a length; empty without an address.
    init(plugin start: UnsafeRawPointer?, _ length: UInt32) {
        self.init(start: start, count: start == nil ? 0 : Int(length))
    }
}
