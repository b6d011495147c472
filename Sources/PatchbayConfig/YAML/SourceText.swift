import PatchbayAPI

/// The text of one configuration file: bytes, lines, and what in it can't be text at all.
///
/// Lines end where libyaml ends them (YAML 1.1, section 5.4): CR LF, LF, CR, NEL, LS and PS, so that its line numbers
/// and these agree.
package struct SourceText {
    package let file: String
    /// Without the byte order mark.
    package let bytes: [UInt8]

    package init(file: String, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// A byte or character that no YAML file may hold.
    struct Defect: Equatable {
        let byteOffset: Int
        /// `nil` when the bytes are no UTF-8.
        let scalar: Unicode.Scalar?
    }

    /// The first place that is not UTF-8 or holds a character YAML forbids; `nil` for a sound text.
    func firstDefect() -> Defect? {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                if byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D || byte == 0x7F {
                    return Defect(byteOffset: index, scalar: Unicode.Scalar(byte))
                }
                index += 1
                continue
            }
            guard let (scalar, length) = decodeScalar(at: index) else { return Defect(byteOffset: index, scalar: nil) }
            // YAML 1.2, section 5.1: C1 controls other than NEL, non-characters and an inner byte order mark are out.
            let isAllowed =
                switch scalar.value {
                case 0x85: true
                case 0x80..<0xA0, 0xFEFF, 0xFFFE, 0xFFFF: false
                default: true
                }
            guard isAllowed else { return Defect(byteOffset: index, scalar: scalar) }
            index += length
        }
        return nil
    }

    /// Line and column of a byte, both from 1; bytes that are no UTF-8 count as one character each.
    package func position(ofByte target: Int) -> SourcePosition {
        var line = 1
        var column = 1
        var index = 0
        while index < min(target, bytes.count) {
            let ending = lineEndingLength(at: index)
            if ending > 0 {
                line += 1
                column = 1
                index += ending
            } else {
                column += 1
                index += decodeScalar(at: index)?.length ?? 1
            }
        }
        return SourcePosition(file: file, line: line, column: column)
    }

    /// The lines with these numbers (from 1), without their endings; a number past the last line has none.
    package func lines(_ numbers: Set<Int>) -> [Int: String] {
        guard let last = numbers.max() else { return [:] }
        var result: [Int: String] = [:]
        var number = 1
        var start = 0
        var index = 0
        func finishLine() {
            if numbers.contains(number) { result[number] = String(decoding: bytes[start..<index], as: UTF8.self) }
        }
        while index < bytes.count && number <= last {
            let ending = lineEndingLength(at: index)
            guard ending > 0 else {
                index += 1
                continue
            }
            finishLine()
            number += 1
            index += ending
            start = index
        }
        if number <= last { finishLine() }
        return result
    }

    private func byte(at index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private func lineEndingLength(at index: Int) -> Int {
        switch bytes[index] {
        case 0x0A: 1
        case 0x0D: byte(at: index + 1) == 0x0A ? 2 : 1
        case 0xC2: byte(at: index + 1) == 0x85 ? 2 : 0
        case 0xE2:
            byte(at: index + 1) == 0x80 && (byte(at: index + 2) == 0xA8 || byte(at: index + 2) == 0xA9) ? 3 : 0
        default: 0
        }
    }

    private func decodeScalar(at index: Int) -> (scalar: Unicode.Scalar, length: Int)? {
        let lead = bytes[index]
        let length: Int
        var value: UInt32
        switch lead {
        case 0x00..<0x80: return (Unicode.Scalar(lead), 1)
        case 0xC2..<0xE0: (length, value) = (2, UInt32(lead & 0x1F))
        case 0xE0..<0xF0: (length, value) = (3, UInt32(lead & 0x0F))
        case 0xF0..<0xF5: (length, value) = (4, UInt32(lead & 0x07))
        default: return nil
        }
        for offset in 1..<length {
            guard let next = byte(at: index + offset), next & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(next & 0x3F)
        }
        // Overlong forms; surrogates and values past U+10FFFF are refused by Unicode.Scalar.
        if length == 3 && value < 0x800 || length == 4 && value < 0x10000 { return nil }
        guard let scalar = Unicode.Scalar(value) else { return nil }
        return (scalar, length)
    }
}
