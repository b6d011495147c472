/// Scalars as JSON text, appended to bytes. Allocates nothing beyond the bytes' own growth.
public enum JSONText {
    /// A string with quotes and escapes. `text` must be valid UTF-8, or the outcome isn't JSON.
    public static func appendString(validUTF8 text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        appendCharacters(validUTF8: text, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// What stands between the quotes of a string.
    public static func appendCharacters(validUTF8 text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        var start = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<index]))
            appendEscape(byte, to: &bytes)
            start = index + 1
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start...]))
    }

    /// Whether bytes are text in UTF-8.
    public static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
        text.withMemoryRebound(to: UInt8.self) { (try? UTF8Span(validating: $0.span)) != nil }
    }

    /// The same for bytes of unknown origin; what isn't UTF-8 becomes U+FFFD.
    public static func appendString(utf8 text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        if isUTF8(text) { return appendString(validUTF8: text, to: &bytes) }
        var repaired = String(decoding: text, as: UTF8.self)
        repaired.withUTF8 { appendString(validUTF8: UnsafeRawBufferPointer($0), to: &bytes) }
    }

    // In every module with the type it is called with: it runs for each record.
    @inlinable
    public static func appendInteger(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        if value == 0 { return bytes.append(UInt8(ascii: "0")) }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let first = bytes.count
        while rest > 0 {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            bytes.append(UInt8(ascii: "0") + UInt8(digit))
            rest = quotient
        }
        // Not as a slice: that would copy the digits first.
        var (low, high) = (first, bytes.count - 1)
        while low < high {
            bytes.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    private static func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            for half in [byte >> 4, byte & 0x0F] { bytes.append(hexDigit(half)) }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
