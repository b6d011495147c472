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
        guard JSONText.isUTF8(key) else { return invalidKey }
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: #"null,"deleted":true,"key":"#.utf8)
        JSONText.appendString(validUTF8: key, to: &bytes)
        return nil
    }

    private static let missingKey = Rejection(
        code: "missing_key", field: "@key",
        explanation: "the record has neither a value nor a key, so it doesn't say what is deleted")
    private static let invalidKey = Rejection(
        code: "invalid_key", field: "@key",
        explanation: "the record has no value, and its key is not UTF-8, so clients can't be told what is deleted")
}
