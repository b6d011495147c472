import PatchbayAPI
import PatchbayJSON
import PatchbayDelivery

/// JSON being put together, in the order in which people are to read it.
indirect enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case string(String)
    case array([JSONTree])
    case object([Member])
    /// JSON text that is there already.
    case verbatim(String)

    struct Member: Sendable, Equatable {
        var name: String
        var value: JSONTree
    }

    /// Text from outside this module; `nil` when it isn't JSON, which would spoil the whole document.
    init?(validating text: String) {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 16 << 20))
        var text = text
        guard text.withUTF8({ parser.validate(UnsafeRawBufferPointer($0)) }) == nil else { return nil }
        self = .verbatim(text)
    }

    static func strings(_ values: some Sequence<String>) -> JSONTree { .array(values.map(JSONTree.string)) }

    /// An object of members whose names are not known beforehand.
    static func members(_ members: [(String, JSONTree)]) -> JSONTree {
        .object(members.map { Member(name: $0, value: $1) })
    }

    /// The same object with one more member, or itself when there is no value.
    func with(_ name: String, _ value: JSONTree?) -> JSONTree {
        guard case .object(let members) = self, let value else { return self }
        return .object(members + [Member(name: name, value: value)])
    }

    /// JSON text, without needless spaces.
    var text: String {
        var text = ""
        append(to: &text)
        return text
    }

    private func append(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .string(let value): text += JSONLiteral.quoted(value)
        case .verbatim(let json): text += json
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.append(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                text += JSONLiteral.quoted(member.name) + ":"
                member.value.append(to: &text)
            }
            text += "}"
        }
    }
}

extension JSONTree: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONTree)...) { self = .members(elements) }
}
