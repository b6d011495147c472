internal import CSimdJSON
import PatchbayAPI

/// Which members an object must have, and of what kind; compiled once, checked in one call per record.
///
/// Both spellings of a name are accepted, and members that the shape doesn't know are allowed. A known field that occurs
/// twice, be it once in each spelling, is a fault: readers would disagree about which of the two counts.
///
/// Thread: any. Immutable.
// Sound: `handle` is written only in `init`, and reading a compiled shape changes nothing in it.
public final class JSONShape: @unchecked Sendable {
    public let fields: [JSONField]
    /// The spelling in which the fields are documented; the one that problems name.
    public let documentedSpelling: JSONSpelling
    let handle: OpaquePointer
    /// Each field's name as it is written into an object, `"Name":`, in both spellings.
    let pascalKeys: [[UInt8]]
    let snakeKeys: [[UInt8]]
    /// The same of a number beside a field: `"NameNumber":`.
    let pascalNumberKeys: [[UInt8]]
    let snakeNumberKeys: [[UInt8]]

    /// Stops the process when the declaration itself is wrong: more than 64 fields, a name empty or used twice, more
    /// than 4 shapes inside one another. Shapes are part of the program, never made from input.
    public init(documented spelling: JSONSpelling, _ fields: [JSONField]) {
        self.fields = fields
        self.documentedSpelling = spelling
        self.pascalKeys = fields.map { Array("\"\($0.pascalName)\":".utf8) }
        self.snakeKeys = fields.map { Array("\"\($0.snakeName)\":".utf8) }
        self.pascalNumberKeys = fields.map { Array("\"\($0.pascalNumberName)\":".utf8) }
        self.snakeNumberKeys = fields.map { Array("\"\($0.snakeNumberName)\":".utf8) }
        guard let handle = sj_shape_create() else { preconditionFailure("no memory for a JSON shape") }
        self.handle = handle
        for field in fields {
            precondition(Self.add(field, to: handle), "the JSON shape can't have the field \(field.pascalName)")
        }
    }

    deinit { sj_shape_destroy(handle) }

    /// The field with this name in its documented spelling.
    public func index(documented name: String) -> Int? { fields.firstIndex { documentedName($0).hasSameBytes(as: name) } }

    public func documentedName(_ field: JSONField) -> String { field.name(documentedSpelling) }

    public var documentedNames: [String] { fields.map(documentedName) }

    private static func add(_ field: JSONField, to handle: OpaquePointer) -> Bool {
        var words: [String] = []
        var nested: OpaquePointer?
        switch field.kind {
        case .choice(let choice): words = choice
        case .object(let shape), .objects(let shape): nested = shape.handle
        default: break
        }
        var pascalName = field.pascalName
        var snakeName = field.snakeName
        let isAdded = pascalName.withUTF8 { pascal in
            snakeName.withUTF8 { snake in
                sj_shape_add_field(
                    handle, sj_bytes(pascal), sj_bytes(snake), field.kind.compiled, field.isRequired, nested)
            }
        }
        return isAdded
            && words.allSatisfy { word in
                var word = word
                return word.withUTF8 { sj_shape_add_word(handle, sj_bytes($0)) }
            }
    }
}

extension JSONShape {
    /// The sentence for a failed check. `value` is the offending one, if there is one.
    func problem(_ status: sj_status, _ failure: sj_failure, value: JSONValue?) -> JSONProblem {
        guard let (path, field, isElement) = locate(failure) else {
            return JSONProblem(
                code: .notAnObject,
                explanation: "the record is \(value?.type.phrase ?? "something else"); it must be an object")
        }
        let found = value.map(Self.describe) ?? "something else"
        let wanted = isElement ? "an object" : field.kind.phrase
        switch status {
        case SJ_MISSING_FIELD:
            let other = field.name(documentedSpelling == .pascal ? .snake : .pascal)
            let spellings = field.pascalName == field.snakeName ? "" : " (or `\(other)`)"
            return JSONProblem(
                code: .missingField, field: path, explanation: "`\(path)`\(spellings) is missing; it must be \(wanted)")
        case SJ_DUPLICATE_FIELD:
            return JSONProblem(
                code: .duplicateField, field: path,
                explanation: "`\(path)` occurs twice, counting both spellings; remove one of them")
        case SJ_WRONG_TYPE:
            return JSONProblem(
                code: .wrongType, field: path,
                explanation: "`\(path)` is \(value?.type.phrase ?? found); it must be \(wanted)")
        default:
            return JSONProblem(
                code: .invalidValue, field: path, explanation: "`\(path)` is \(found); it must be \(wanted)")
        }
    }

    /// The path of a failure in documented names, its last field, and whether it ends at an element of an array.
    private func locate(_ failure: sj_failure) -> (path: String, field: JSONField, isElement: Bool)? {
        var shape = self
        var path = ""
        var last: (JSONField, Bool)?
        let steps = [failure.path.0, failure.path.1, failure.path.2, failure.path.3]
        for step in steps.prefix(Int(failure.path_length)) {
            guard shape.fields.indices.contains(Int(step.field)) else { break }
            let field = shape.fields[Int(step.field)]
            path += (path.isEmpty ? "" : ".") + shape.documentedName(field)
            if step.element >= 0 { path += "[\(step.element)]" }
            last = (field, step.element >= 0)
            switch field.kind {
            case .object(let nested), .objects(let nested): shape = nested
            default: break
            }
        }
        return last.map { (path, $0.0, $0.1) }
    }

    /// A scalar as written, cut to a length that a log line bears. JSON text has no control characters inside strings,
    /// so it is safe there.
    private static func describe(_ value: JSONValue) -> String {
        let longest = 48
        switch value.type {
        case .array, .object: return value.type.phrase
        case .null, .bool, .number, .string:
            let text = value.text
            guard text.count > longest else { return String(decoding: text, as: UTF8.self) }
            var end = longest
            while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
            return String(decoding: text[..<end], as: UTF8.self) + "… (\(text.count) bytes)"
        }
    }
}

extension JSONKind {
    fileprivate var compiled: sj_kind {
        switch self {
        case .any: SJ_KIND_ANY
        case .string: SJ_KIND_STRING
        case .text: SJ_KIND_TEXT
        case .decimal: SJ_KIND_DECIMAL
        case .signedDecimal: SJ_KIND_SIGNED_DECIMAL
        case .timestamp: SJ_KIND_TIMESTAMP
        case .bool: SJ_KIND_BOOL
        case .count: SJ_KIND_COUNT
        case .number: SJ_KIND_NUMBER
        case .choice: SJ_KIND_CHOICE
        case .object: SJ_KIND_OBJECT
        case .objects: SJ_KIND_OBJECTS
        }
    }
}

extension sj_bytes {
    fileprivate init(_ bytes: UnsafeBufferPointer<UInt8>) { self.init(start: bytes.baseAddress, count: bytes.count) }
}
