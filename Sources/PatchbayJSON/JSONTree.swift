package import PatchbayAPI

/// JSON being put together, in the order in which people are to read it: documents, schemas, what commands print. Off the hot path.
package indirect enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Finite.
    case number(Double)
    case string(String)
    case array([JSONTree])
    case object(JSONObject)
    /// JSON text that is there already.
    case verbatim(String)

    /// Text from outside; `nil` when it isn't JSON, which would spoil the whole document.
    package init?(validating text: String) {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 16 << 20))
        var text = text
        guard text.withUTF8({ parser.validate(UnsafeRawBufferPointer($0)) }) == nil else { return nil }
        self = .verbatim(text)
    }

    /// Names of mappings in alphabetical order. What JSON has no number for becomes null.
    package init(_ value: ConfigValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = value.isFinite ? .number(value) : .null
        case .string(let text): self = .string(text)
        case .json(let text): self = .verbatim(text)
        case .list(let items): self = .array(items.map { JSONTree($0) })
        case .map(let entries):
            let sorted = entries.sorted { $0.key < $1.key }
            self = .object(JSONObject(distinct: sorted.map { JSONObject.Member(name: $0.key.string, value: JSONTree($0.value)) }))
        }
    }

    package static func strings(_ values: some Sequence<String>) -> JSONTree { .array(values.map(JSONTree.string)) }

    /// An object of members whose names are not known beforehand, and differ.
    package static func members(_ members: [(String, JSONTree)]) -> JSONTree {
        .object(JSONObject(distinct: members.map { JSONObject.Member(name: $0, value: $1) }))
    }

    /// The same object with one more member, or itself when there is no value.
    package func with(_ name: String, _ value: JSONTree?) -> JSONTree {
        guard case .object(var object) = self else { return self }
        object[name] = value
        return .object(object)
    }

    // MARK: Text

    /// How much white space there is.
    package enum Layout {
        /// None.
        case compact
        /// A space after `:` and `,`.
        case line
    }

    /// JSON text on one line.
    ///
    /// - Parameter quoted: writes a string with its quotes; another one may escape more of it.
    package func text(_ layout: Layout = .compact, quoted: (String) -> String = JSONLiteral.quoted) -> String {
        var text = ""
        append(to: &text, space: layout == .line ? " " : "", quoted)
        return text
    }

    private func append(to text: inout String, space: String, _ quoted: (String) -> String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += "\(value)"
        case .string(let value): text += quoted(value)
        case .verbatim(let json): text += json
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," + space }
                element.append(to: &text, space: space, quoted)
            }
            text += "]"
        case .object(let object):
            text += "{"
            for (index, member) in object.members.enumerated() {
                if index > 0 { text += "," + space }
                text += quoted(member.name) + ":" + space
                member.value.append(to: &text, space: space, quoted)
            }
            text += "}"
        }
    }

    private static let widest = 80

    /// Indented by two spaces; what is short stays on one line. Ends without a line break.
    package func pretty(quoted: (String) -> String = JSONLiteral.quoted) -> String { pretty(indent: "", quoted) }

    private func pretty(indent: String, _ quoted: (String) -> String) -> String {
        let line = text(.line, quoted: quoted)
        if line.utf8.count <= Self.widest && height <= 1 { return line }
        let inner = indent + "  "
        switch self {
        case .array(let items):
            return "[\n" + items.map { inner + $0.pretty(indent: inner, quoted) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let object):
            let lines = object.members.map { "\(inner)\(quoted($0.name)): \($0.value.pretty(indent: inner, quoted))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default: return line
        }
    }

    /// Lists and objects inside each other.
    private var height: Int {
        switch self {
        case .array(let items): 1 + (items.map(\.height).max() ?? 0)
        case .object(let object): 1 + (object.members.map(\.value.height).max() ?? 0)
        default: 0
        }
    }
}

extension JSONTree: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONTree)...) { self = .members(elements) }
}

/// A JSON object whose names keep their order, so that what is generated stays the same from run to run.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Member: Sendable, Equatable {
        package let name: String
        package var value: JSONTree

        package init(name: String, value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var members: [Member] = []

    package init() {}

    /// Names that are known to differ, without looking for each among those before it.
    package init(distinct members: [Member]) { self.members = members }

    package init(dictionaryLiteral elements: (String, JSONTree)...) {
        members = elements.map { Member(name: $0.0, value: $0.1) }
    }

    /// A new name comes last; `nil` changes nothing.
    package subscript(name: String) -> JSONTree? {
        get { members.first { $0.name == name }?.value }
        set {
            guard let newValue else { return }
            if let index = members.firstIndex(where: { $0.name == name }) {
                members[index].value = newValue
            } else {
                members.append(Member(name: name, value: newValue))
            }
        }
    }

    package static func + (left: JSONObject, right: JSONObject) -> JSONObject {
        var result = left
        for member in right.members { result[member.name] = member.value }
        return result
    }

    package static func += (left: inout JSONObject, right: JSONObject) { left = left + right }
}
