/// How the known names of a record are written.
public enum JSONNaming: String, Sendable, CaseIterable {
    case asIs = "as_is"
    case pascalCase = "pascal_case"
    case snakeCase = "snake_case"
}

/// Writes a checked object again: known fields renamed or left out, every value copied as written, the order kept.
///
/// Thread: any. Immutable.
public struct RecordEditor: Sendable {
    let shape: JSONShape
    let naming: JSONNaming
    /// Bits of the fields that stay, by index; `nil` when everything stays, unknown members included.
    let kept: UInt64?

    public init(shape: JSONShape, naming: JSONNaming, keeping fields: [Int]?) {
        self.shape = shape
        self.naming = naming
        self.kept = fields.map { $0.reduce(0) { $0 | 1 << UInt64($1) } }
    }

    /// Whether the outcome may differ from the input.
    public var hasEffect: Bool { naming != .asIs || kept != nil }

    /// Appends the object to `bytes`. `object` must come from a check against `shape`.
    ///
    /// - Parameter keepsElement: asked for every element of a field that is an array of objects; the default keeps all.
    public func append(
        _ object: JSONValue,
        to bytes: inout [UInt8],
        keepsElement: (_ field: Int, _ element: JSONValue) -> Bool = { _, _ in true }
    ) {
        append(object, of: shape, keeping: kept, to: &bytes, keepsElement: keepsElement)
    }

    private func append(
        _ object: JSONValue,
        of shape: JSONShape,
        keeping kept: UInt64?,
        to bytes: inout [UInt8],
        keepsElement: (Int, JSONValue) -> Bool
    ) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            let field = member.field
            if let kept {
                guard let field, kept & (1 << UInt64(field)) != 0 else { continue }
            }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            appendKey(of: member, in: shape, to: &bytes)
            guard let field else {
                bytes.append(contentsOf: member.value.text)
                continue
            }
            appendValue(of: member.value, field: field, in: shape, to: &bytes, keepsElement: keepsElement)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private func appendKey(of member: JSONMember, in shape: JSONShape, to bytes: inout [UInt8]) {
        if let field = member.field, naming != .asIs {
            bytes.append(contentsOf: naming == .pascalCase ? shape.pascalKeys[field] : shape.snakeKeys[field])
        } else {
            member.appendKey(to: &bytes)
        }
    }

    private func appendValue(
        of value: JSONValue,
        field: Int,
        in shape: JSONShape,
        to bytes: inout [UInt8],
        keepsElement: (Int, JSONValue) -> Bool
    ) {
        switch shape.fields[field].kind {
        case .object(let nested) where value.type == .object:
            append(value, of: nested, keeping: nil, to: &bytes) { _, _ in true }
        case .objects(let nested) where value.type == .array:
            bytes.append(UInt8(ascii: "["))
            var isFirst = true
            for element in value.elements where keepsElement(field, element) {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                append(element, of: nested, keeping: nil, to: &bytes) { _, _ in true }
            }
            bytes.append(UInt8(ascii: "]"))
        default:
            bytes.append(contentsOf: value.text)
        }
    }
}
