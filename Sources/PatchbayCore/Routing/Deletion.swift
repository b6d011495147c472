import PatchbayAPI

/// The one form in which clients see that something was deleted: an envelope with `"data":null,"deleted":true,"key":"…"`.
///
/// The key is always text, whatever it looks like: a key that happens to be a number or an object would else change its type
/// from record to record. See docs/decisions/0080-deletions.md.
enum Deletion {
    /// Writes what stands in the envelope in place of the data, replacing what is in `bytes`.
    ///
    /// - Returns: why it can't be said what was deleted.
    static func write(key: UnsafeRawBufferPointer?, to bytes: inout [UInt8]) -> Rejection? {
        guard let key else { return missingKey }
        let isText = key.withMemoryRebound(to: UInt8.self) { (try? UTF8Span(validating: $0.span)) != nil }
        guard isText else { return invalidKey }
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: #"null,"deleted":true,"key":""#.utf8)
        for byte in key {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case ..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hexadecimal(byte >> 4))
                bytes.append(hexadecimal(byte & 15))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return nil
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    private static let missingKey = Rejection(
        code: "missing_key", field: "@key",
        explanation: "the record has neither a value nor a key, so it doesn't say what is deleted")
    private static let invalidKey = Rejection(
        code: "invalid_key", field: "@key",
        explanation: "the record has no value, and its key is not UTF-8, so clients can't be told what is deleted")
}
