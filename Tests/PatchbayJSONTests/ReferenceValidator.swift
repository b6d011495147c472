/// JSON by the letter of RFC 8259, slow and obvious: what the parser is compared with.
/// Accepts escapes for half a surrogate pair, as the parser does unless it is told otherwise.
struct ReferenceValidator {
    private let bytes: [UInt8]
    private var at = 0
    private let maximumDepth: Int

    static func accepts(_ bytes: [UInt8], maximumDepth: Int = 64) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var validator = ReferenceValidator(bytes, maximumDepth)
        validator.skipSpace()
        guard validator.value(depth: 0) else { return false }
        validator.skipSpace()
        return validator.at == bytes.count
    }

    private init(_ bytes: [UInt8], _ maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    private var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        switch current {
        case UInt8(ascii: "{"): container(depth: depth + 1, end: "}", isObject: true)
        case UInt8(ascii: "["): container(depth: depth + 1, end: "]", isObject: false)
        case UInt8(ascii: "\""): string()
        case UInt8(ascii: "t"): word("true")
        case UInt8(ascii: "f"): word("false")
        case UInt8(ascii: "n"): word("null")
        default: number()
        }
    }

    private mutating func container(depth: Int, end: Unicode.Scalar, isObject: Bool) -> Bool {
        guard depth <= maximumDepth else { return false }
        at += 1
        skipSpace()
        if take(end) { return true }
        while true {
            skipSpace()
            if isObject {
                guard current == UInt8(ascii: "\""), string() else { return false }
                skipSpace()
                guard take(":") else { return false }
                skipSpace()
            }
            guard value(depth: depth) else { return false }
            skipSpace()
            if take(end) { return true }
            guard take(",") else { return false }
        }
    }

    private mutating func word(_ word: String) -> Bool {
        guard bytes[at...].starts(with: word.utf8) else { return false }
        at += word.utf8.count
        return true
    }

    private mutating func digits() -> Bool {
        let first = at
        while let byte = current, byte >= 0x30, byte <= 0x39 { at += 1 }
        return at > first
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0"), !digits() { return false }
        if take("."), !digits() { return false }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            return digits()
        }
        return true
    }

    private mutating func string() -> Bool {
        at += 1
        while let byte = current {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case 0..<0x20: return false
            case UInt8(ascii: "\\"):
                guard escape() else { return false }
            default: break
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let byte = current else { return false }
        at += 1
        guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
        return hex() != nil
    }

    private mutating func hex() -> Int? {
        guard at + 4 <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[at..<at + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value * 16 + digit
        }
        at += 4
        return value
    }
}
