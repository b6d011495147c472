import PatchbayAPI

/// JSON to be written.
indirect enum JSONTree: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([JSONTree])
    case object(JSONObject)

    /// Names of mappings in alphabetical order.
    init(_ value: ConfigValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = value.isFinite ? .number(value) : .null
        case .string(let text): self = .text(text)
        case .list(let items): self = .list(items.map { JSONTree($0) })
        case .map(let entries):
            let sorted = entries.sorted { $0.key < $1.key }
            self = .object(JSONObject(distinct: sorted.map { JSONObject.Member(name: $0.key.string, value: JSONTree($0.value)) }))
        }
    }

    /// On one line, with a space after `:` and `,`.
    var line: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let text): PrintableText.quoted(text)
        case .list(let items): "[" + items.map(\.line).joined(separator: ", ") + "]"
        case .object(let object):
            "{" + object.members.map { "\(PrintableText.quoted($0.name)): \($0.value.line)" }.joined(separator: ", ") + "}"
        }
    }

    /// Indented by two spaces; what is short stays on one line. Ends without a line break.
    var pretty: String { pretty(indent: "") }

    private static let widest = 80

    private func pretty(indent: String) -> String {
        let line = line
        if line.utf8.count <= Self.widest && height <= 1 { return line }
        let inner = indent + "  "
        switch self {
        case .list(let items):
            return "[\n" + items.map { inner + $0.pretty(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let object):
            let lines = object.members.map { "\(inner)\(PrintableText.quoted($0.name)): \($0.value.pretty(indent: inner))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default: return line
        }
    }

    /// Lists and objects inside each other.
    private var height: Int {
        switch self {
        case .list(let items): 1 + (items.map(\.height).max() ?? 0)
        case .object(let object): 1 + (object.members.map(\.value.height).max() ?? 0)
        default: 0
        }
    }
}

extension JSONTree: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .text(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(arrayLiteral elements: JSONTree...) { self = .list(elements) }

    init(dictionaryLiteral elements: (String, JSONTree)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}
