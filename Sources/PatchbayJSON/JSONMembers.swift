internal import CSimdJSON

/// One member of an object. Valid as long as its value.
public struct JSONMember {
    public let value: JSONValue

    /// The name without escapes, in UTF-8.
    public var name: UnsafeRawBufferPointer {
        var node = value.node
        return UnsafeRawBufferPointer(sj_name(value.document, &node))
    }

    /// The same, copied.
    public var nameString: String { String(decoding: name, as: UTF8.self) }

    /// The name as written, without its quotes.
    public var nameText: UnsafeRawBufferPointer { value.slice(value.node.name_offset, value.node.name_length) }

    /// Where name and value stand in the text that was read, in bytes, from the name's opening quote on.
    public var range: Range<Int> {
        let node = value.node
        return Int(node.name_offset) - 1..<Int(node.offset) + Int(node.length)
    }

    /// Appends the name as written, with its quotes and the colon behind it.
    public func appendKey(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: nameText)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    /// The field of the shape that this member is; `nil` when the shape doesn't know it, or there was none.
    public var field: Int? {
        let field = value.node.field
        return field < 0 ? nil : Int(field)
    }

    /// Compares without copying.
    public func isNamed(_ wanted: String) -> Bool { name.equals(wanted) }
}

/// An object's members in the order of the text, duplicates included. Valid as long as the object.
public struct JSONMembers: Sequence {
    let container: JSONValue
    let end: UInt32

    init(of value: JSONValue) {
        container = value
        end = value.type == .object ? value.node.next : 0
    }

    public struct Iterator: IteratorProtocol {
        let document: UnsafePointer<sj_document>
        var index: UInt32
        let end: UInt32

        public mutating func next() -> JSONMember? {
            guard index < end else { return nil }
            let value = JSONValue(document: document, index: index)
            index = value.node.next
            return JSONMember(value: value)
        }
    }

    public func makeIterator() -> Iterator {
        Iterator(document: container.document, index: container.index + 1, end: end)
    }
}

/// An array's elements in the order of the text. Valid as long as the array.
public struct JSONElements: Sequence {
    let container: JSONValue
    let end: UInt32

    init(of value: JSONValue) {
        container = value
        end = value.type == .array ? value.node.next : 0
    }

    public struct Iterator: IteratorProtocol {
        let document: UnsafePointer<sj_document>
        var index: UInt32
        let end: UInt32

        public mutating func next() -> JSONValue? {
            guard index < end else { return nil }
            let value = JSONValue(document: document, index: index)
            index = value.node.next
            return value
        }
    }

    public func makeIterator() -> Iterator {
        Iterator(document: container.document, index: container.index + 1, end: end)
    }
}
