/// Checks UTF-8 as it arrives in pieces, and fails at the first byte that can't be part of any valid text
/// (Unicode Standard, table 3-7: well-formed byte sequences).
struct UTF8Validator {
    private var missing: UInt8 = 0
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    /// Whether the text may end here: not inside a character.
    var isComplete: Bool { missing == 0 }

    /// Takes the next piece; `false` as soon as it can't be UTF-8 any more.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if missing == 0 {
                while index + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                if index == bytes.count { break }
            }
            let byte = bytes[index]
            index += 1
            if missing > 0 {
                guard lower...upper ~= byte else { return false }
                missing -= 1
                (lower, upper) = (0x80, 0xBF)
                continue
            }
            switch byte {
            case 0x00...0x7F: continue
            case 0xC2...0xDF: missing = 1
            case 0xE0: (missing, lower) = (2, 0xA0)
            case 0xE1...0xEC, 0xEE...0xEF: missing = 2
            case 0xED: (missing, upper) = (2, 0x9F)
            case 0xF0: (missing, lower) = (3, 0x90)
            case 0xF1...0xF3: missing = 3
            case 0xF4: (missing, upper) = (3, 0x8F)
            default: return false
            }
        }
        return true
    }
}
