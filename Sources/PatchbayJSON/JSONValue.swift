internal import CSimdJSON

/// The six types of JSON.
public enum JSONType: UInt8, Sendable {
    case null = 0, bool, number, string, array, object

    /// As it stands in an explanation: "is …".
    public var phrase: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// One value of a document, borrowed from its parser and from the text.
///
/// Valid only inside the closure that the parser called with the root. Not `Sendable` for that reason.
public struct JSONValue {
    // Sound: only the parser makes roots, it keeps the document alive and unchanged during the closure, and the index
    // is always one of the document's nodes.
    let document: UnsafePointer<sj_document>
    let index: UInt32

    var node: sj_node {
        // The parser hands out a value only after indexing, when there are nodes.
        document.pointee.nodes.unsafelyUnwrapped[Int(index)]
    }

    public var type: JSONType { JSONType(rawValue: node.type) ?? .null }

    /// The value as written, byte for byte: strings with quotes and escapes, numbers with all their digits.
    public var text: UnsafeRawBufferPointer { slice(node.offset, node.length) }

    /// Where the value stands in the text that was read, in bytes.
    public var range: Range<Int> {
        let node = node
        return Int(node.offset)..<Int(node.offset) + Int(node.length)
    }

    /// A string's text without escapes, in UTF-8; `nil` for other types.
    public var string: UnsafeRawBufferPointer? {
        var node = self.node
        guard type == .string else { return nil }
        return UnsafeRawBufferPointer(sj_string(document, &node))
    }

    /// Whether this is a string with an escape for half a surrogate pair: its text has U+FFFD there.
    public var hasLoneSurrogate: Bool {
        document.pointee.has_lone_surrogate && type == .string && LoneSurrogates.first(in: text) != nil
    }

    /// The same, copied.
    public var stringValue: String? { string.map { String(decoding: $0, as: UTF8.self) } }

    /// Whether this is a string of that text; compares without copying.
    public func isString(_ wanted: String) -> Bool {
        string.map { $0.equals(wanted) } ?? false
    }

    /// `nil` for other types.
    public var bool: Bool? { type == .bool ? text[0] == UInt8(ascii: "t") : nil }

    /// A number written without fraction and exponent that fits; else `nil`.
    public var integer: Int64? {
        guard type == .number else { return nil }
        var digits = text[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        var value: Int64 = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (shifted, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            // Downwards, since the smallest integer has no positive twin.
            let (next, overflows) = shifted.subtractingReportingOverflow(digit)
            if isTooLarge || overflows { return nil }
            value = next
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    /// The nearest double of a number; `nil` for other types and for numbers beyond the range of doubles.
    public var double: Double? {
        guard type == .number else { return nil }
        var node = self.node
        var value = 0.0
        if sj_number_double(document, &node, &value) { return value }
        return Double(String(decoding: text, as: UTF8.self)).flatMap { $0.isFinite ? $0 : nil }
    }

    /// An object's members in the order of the text; empty for other types.
    public var members: JSONMembers { JSONMembers(of: self) }

    /// An array's elements in the order of the text; empty for other types.
    public var elements: JSONElements { JSONElements(of: self) }

    /// The member of that name; the last one when there are several, as in a browser's `JSON.parse`.
    public subscript(name: String) -> JSONValue? {
        var found: JSONValue?
        for member in members where member.isNamed(name) { found = member.value }
        return found
    }

    /// The member that is this field of the shape the document was checked against.
    public func field(_ field: Int) -> JSONValue? {
        for member in members where member.field == field { return member.value }
        return nil
    }

    func slice(_ offset: UInt32, _ length: UInt32) -> UnsafeRawBufferPointer {
        let text = UnsafeRawPointer(document.pointee.text.unsafelyUnwrapped)
        return UnsafeRawBufferPointer(start: text + Int(offset), count: Int(length))
    }
}

extension UnsafeRawBufferPointer {
    init(_ bytes: sj_bytes) { self.init(start: bytes.start, count: bytes.count) }

    /// Whether these are the bytes of that text.
    func equals(_ text: String) -> Bool {
        guard count == text.utf8.count else { return false }
        var index = 0
        // A plain loop: it allocates nothing in builds without optimization either, so tests can hold it to that.
        for byte in text.utf8 {
            if self[index] != byte { return false }
            index += 1
        }
        return true
    }
}
