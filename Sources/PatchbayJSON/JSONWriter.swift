import PatchbayAPI

/// Appends JSON to a byte buffer that it keeps between documents.
///
/// Commas are set where they belong. That names and values alternate, and brackets match, is the caller's business.
///
/// Thread: any, one at a time.
public struct JSONWriter {
    /// What was written since `removeAll`.
    public private(set) var bytes: [UInt8] = []

    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { bytes.append(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { bytes.append(UInt8(ascii: "]")) }

    /// A member's name; its value comes next.
    public mutating func name(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    public mutating func string(_ text: String) {
        separate()
        var text = text
        text.withUTF8 { JSONText.appendString(validUTF8: UnsafeRawBufferPointer($0), to: &bytes) }
    }

    /// A string of any bytes; what isn't UTF-8 in them becomes U+FFFD.
    public mutating func string(utf8 text: UnsafeRawBufferPointer) {
        separate()
        JSONText.appendString(utf8: text, to: &bytes)
    }

    public mutating func integer(_ value: some FixedWidthInteger) {
        separate()
        JSONText.appendInteger(value, to: &bytes)
    }

    /// The shortest text that reads back as the same double; `null` for infinities and NaN, which JSON lacks.
    public mutating func number(_ value: Double) {
        separate()
        if value.isFinite {
            bytes.append(contentsOf: value.description.utf8)
        } else {
            bytes.append(contentsOf: "null".utf8)
        }
    }

    public mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// A complete JSON value, copied as it is.
    public mutating func value(_ text: UnsafeRawBufferPointer) {
        separate()
        bytes.append(contentsOf: text)
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
    }

    /// A comma, unless what comes is the first thing in its container, a member's value, or the root. The byte before
    /// tells: no complete value ends in one of these.
    private mutating func separate() {
        switch bytes.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }
}
