import PatchbayAPI

/// How the known names of a record are written.
public enum JSONNaming: String, Sendable, CaseIterable {
    case asIs = "as_is"
    case pascalCase = "pascal_case"
    case snakeCase = "snake_case"
}

/// Fields that get a number beside them, by their indices in the shape.
struct NumberFields: Sendable {
    /// Bits of the fields of the record itself.
    var outer: UInt64 = 0
    /// Bits of the fields of the objects in a field.
    var inner: [UInt64]

    init(_ shape: JSONShape) { inner = Array(repeating: 0, count: shape.fields.count) }

    var isEmpty: Bool { outer == 0 && inner.allSatisfy { $0 == 0 } }

    /// The first field with a number in it that isn't one of these.
    func firstOutside(_ fields: [Int]) -> Int? {
        inner.indices.first { (outer & (1 << UInt64($0)) != 0 || inner[$0] != 0) && !fields.contains($0) }
    }
}

/// A field that is computed: the product of two exact amounts of the record.
public struct ProductField: Sendable {
    public let field: JSONField
    let left: Int
    let right: Int
    let pascalKey: [UInt8]
    let snakeKey: [UInt8]
    let pascalNumberKey: [UInt8]
    let snakeNumberKey: [UInt8]

    /// - Parameters:
    ///   - field: of kind `decimal`.
    ///   - left: index of a decimal field of the shape; so is `right`.
    public init(_ field: JSONField, left: Int, right: Int) {
        self.field = field
        self.left = left
        self.right = right
        pascalKey = Array("\"\(field.pascalName)\":".utf8)
        snakeKey = Array("\"\(field.snakeName)\":".utf8)
        pascalNumberKey = Array("\"\(field.pascalNumberName)\":".utf8)
        snakeNumberKey = Array("\"\(field.snakeNumberName)\":".utf8)
    }
}

/// Writes a checked object again: known fields renamed or left out, every value copied as written, the order kept; numbers beside
/// exact amounts and a product of two of them where options say so.
///
/// Thread: any. Immutable.
public struct RecordEditor: Sendable {
    let shape: JSONShape
    let naming: JSONNaming
    /// Bits of the fields that stay, by index; `nil` when everything stays, unknown members included.
    let kept: UInt64?
    /// Those that get a number beside them; `nil` for none.
    let numbers: NumberFields?
    let product: ProductField?
    /// Whether the product gets a number beside it, too.
    let hasProductNumber: Bool

    public init(shape: JSONShape, naming: JSONNaming, keeping fields: [Int]?) {
        self.init(shape: shape, naming: naming, keeping: fields, numbers: nil, product: nil, hasProductNumber: false)
    }

    init(
        shape: JSONShape, naming: JSONNaming, keeping fields: [Int]?, numbers: NumberFields?, product: ProductField?, hasProductNumber: Bool
    ) {
        self.shape = shape
        self.naming = naming
        self.kept = fields.map { $0.reduce(0) { $0 | 1 << UInt64($1) } }
        self.numbers = numbers.flatMap { $0.isEmpty ? nil : $0 }
        self.product = product
        self.hasProductNumber = hasProductNumber
    }

    /// Whether the outcome may differ from the input.
    public var hasEffect: Bool { naming != .asIs || kept != nil || adds }

    /// Whether members are added.
    private var adds: Bool { numbers != nil || product != nil }

    /// Appends the object to `bytes`. `object` must come from a check against `shape`.
    ///
    /// - Parameter keepsElement: asked for every element of a field that is an array of objects; the default keeps all.
    public func append(
        _ object: JSONValue,
        to bytes: inout [UInt8],
        keepsElement: (_ field: Int, _ element: JSONValue) -> Bool = { _, _ in true }
    ) {
        append(object, of: shape, keeping: kept, numbers: numbers?.outer ?? 0, to: &bytes, keepsElement: keepsElement)
        guard let product, let left = object.field(product.left)?.string, let right = object.field(product.right)?.string else { return }
        // In front of the closing bracket.
        bytes.removeLast()
        if bytes[bytes.count - 1] != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
        let isSnake = naming == .snakeCase || naming == .asIs && isSnakeCase(object, product)
        bytes.append(contentsOf: isSnake ? product.snakeKey : product.pascalKey)
        bytes.append(UInt8(ascii: "\""))
        let start = bytes.count
        ExactAmount.appendProduct(left, right, to: &bytes)
        let end = bytes.count
        bytes.append(UInt8(ascii: "\""))
        if hasProductNumber {
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: isSnake ? product.snakeNumberKey : product.pascalNumberKey)
            // By index: the bytes are moved while they are read.
            for index in start..<end { bytes.append(bytes[index]) }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// A product is spelled like the amount that it is made of.
    private func isSnakeCase(_ object: JSONValue, _ product: ProductField) -> Bool {
        for member in object.members where member.field == product.left { return member.isNamed(shape.fields[product.left].snakeName) }
        return shape.documentedSpelling == .snake
    }

    /// Why what options ask for can't be added to this record; `nil` when it can.
    public func objection(to object: JSONValue) -> Rejection? {
        guard adds else { return nil }
        if let product {
            if isTooLong(object, product.left) { return Self.tooLong(shape.documentedName(shape.fields[product.left])) }
            if isTooLong(object, product.right) { return Self.tooLong(shape.documentedName(shape.fields[product.right])) }
        }
        return collision(in: object, of: shape, numbers: numbers?.outer ?? 0, isOuter: true)
    }

    private func isTooLong(_ object: JSONValue, _ field: Int) -> Bool {
        (object.field(field)?.string?.count ?? 0) > ExactAmount.mostBytes
    }

    private func collision(in object: JSONValue, of shape: JSONShape, numbers: UInt64, isOuter: Bool) -> Rejection? {
        for member in object.members {
            guard let field = member.field else {
                // With `fields`, members that the shape doesn't know are left out.
                if isOuter, kept != nil { continue }
                if isAdded(member, to: shape, numbers: numbers, isOuter: isOuter) { return Self.taken(member.nameString) }
                continue
            }
            guard isOuter, let inner = self.numbers?.inner[field], inner != 0 else { continue }
            switch shape.fields[field].kind {
            case .object(let nested):
                if let rejection = collision(in: member.value, of: nested, numbers: inner, isOuter: false) { return rejection }
            case .objects(let nested):
                for element in member.value.elements {
                    if let rejection = collision(in: element, of: nested, numbers: inner, isOuter: false) { return rejection }
                }
            default: break
            }
        }
        return nil
    }

    /// Whether a member that the shape doesn't know has the name of one that is added.
    private func isAdded(_ member: JSONMember, to shape: JSONShape, numbers: UInt64, isOuter: Bool) -> Bool {
        let name = member.nameText
        if isOuter, let product {
            if name.isKey(product.pascalKey) || name.isKey(product.snakeKey) { return true }
            if hasProductNumber, name.isKey(product.pascalNumberKey) || name.isKey(product.snakeNumberKey) { return true }
        }
        guard numbers != 0 else { return false }
        for index in shape.fields.indices where numbers & (1 << UInt64(index)) != 0 {
            if name.isKey(shape.pascalNumberKeys[index]) || name.isKey(shape.snakeNumberKeys[index]) { return true }
        }
        return false
    }

    @inline(never)
    private static func taken(_ name: String) -> Rejection {
        Rejection(
            code: "duplicate_field", field: name,
            explanation: "`\(name)` is in the record, and options of the route ask for a field of that name to be added")
    }

    @inline(never)
    private static func tooLong(_ name: String) -> Rejection {
        Rejection(
            code: "invalid_value", field: name,
            explanation: "`\(name)` has more than \(ExactAmount.mostBytes) characters, which is too long to multiply")
    }

    private func append(
        _ object: JSONValue,
        of shape: JSONShape,
        keeping kept: UInt64?,
        numbers: UInt64,
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
            guard numbers & (1 << UInt64(field)) != 0, let amount = member.value.string else { continue }
            let isSnake = naming == .snakeCase || naming == .asIs && member.isNamed(shape.fields[field].snakeName)
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: isSnake ? shape.snakeNumberKeys[field] : shape.pascalNumberKeys[field])
            ExactAmount.appendNumber(amount, to: &bytes)
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
            append(value, of: nested, keeping: nil, numbers: numbers?.inner[field] ?? 0, to: &bytes) { _, _ in true }
        case .objects(let nested) where value.type == .array:
            bytes.append(UInt8(ascii: "["))
            var isFirst = true
            for element in value.elements where keepsElement(field, element) {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                append(element, of: nested, keeping: nil, numbers: numbers?.inner[field] ?? 0, to: &bytes) { _, _ in true }
            }
            bytes.append(UInt8(ascii: "]"))
        default:
            bytes.append(contentsOf: value.text)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the bytes of the name of a key such as `"name":`.
    fileprivate func isKey(_ key: [UInt8]) -> Bool {
        guard count == key.count - 3 else { return false }
        for index in indices where self[index] != key[index + 1] { return false }
        return true
    }
}
