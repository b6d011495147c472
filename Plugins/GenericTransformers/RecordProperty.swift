import PatchbayAPI

/// What a filter may ask of a record beside its value: `@key`, `@topic`, `@partition`, `@timestamp`, `@header.NAME`.
enum RecordProperty: Sendable {
    /// Text; null when the record has none.
    case key
    /// Text.
    case topic
    /// A number.
    case partition
    /// Milliseconds since 1970-01-01T00:00:00Z, a number; null when the record has none.
    case timestamp
    /// The last header of that name, text; null when there is none.
    case header(String)

    /// How they begin, as `JQTokens` cuts them. Everything else behind an `@` is a format of jq.
    static let signs: Set<String> = ["@key", "@topic", "@partition", "@timestamp", "@header"]

    /// - Parameter rest: what follows the sign; what belongs to the property is taken from it.
    init?(_ sign: String, _ rest: inout ArraySlice<JQTokens.Token>) {
        switch sign {
        case "@key": self = .key
        case "@topic": self = .topic
        case "@partition": self = .partition
        case "@timestamp": self = .timestamp
        default:
            if case .field(let name)? = rest.first {
                rest.removeFirst()
                self = .header(name)
            } else if rest.first == .sign("."), case .text(let name, isWhole: true)? = rest.dropFirst().first,
                !name.isEmpty, !name.utf8.contains(UInt8(ascii: "\\"))
            {
                rest.removeFirst(2)
                self = .header(name)
            } else {
                return nil
            }
        }
    }

    /// Whether it is neither null nor false.
    func exists(on record: Record) -> Bool {
        switch self {
        case .key: record.key != nil
        case .topic, .partition: true
        case .timestamp: record.timestampMilliseconds >= 0
        case .header(let name): record.headers.last(named: name) != nil
        }
    }

    /// jq's order: null, false, true, numbers, texts. Below zero when the property comes first.
    func order(of record: Record, topic: String, comparedWith literal: FilterCondition.Literal) -> Int {
        switch self {
        case .key: return Self.order(of: record.key, literal)
        case .header(let name): return Self.order(of: record.headers.last(named: name), literal)
        case .partition: return Self.order(of: Double(record.partition), literal)
        case .timestamp:
            let time = record.timestampMilliseconds
            return Self.order(of: time < 0 ? nil : Double(time), literal)
        case .topic:
            guard case .string(let bytes) = literal else { return Self.textRank - literal.rank }
            return Self.order(of: topic, bytes)
        }
    }

    private static let numberRank = FilterCondition.Literal.number(0).rank
    private static let textRank = FilterCondition.Literal.string([]).rank

    private static func order(of text: UnsafeRawBufferPointer?, _ literal: FilterCondition.Literal) -> Int {
        guard let text else { return -literal.rank }
        guard case .string(let bytes) = literal else { return textRank - literal.rank }
        return FilterCondition.Literal.order(of: text, bytes)
    }

    private static func order(of number: Double?, _ literal: FilterCondition.Literal) -> Int {
        guard let number else { return -literal.rank }
        guard case .number(let wanted) = literal else { return numberRank - literal.rank }
        return number < wanted ? -1 : number == wanted ? 0 : 1
    }

    /// By bytes, without copying.
    private static func order(of text: String, _ bytes: [UInt8]) -> Int {
        var index = 0
        for byte in text.utf8 {
            guard index < bytes.count else { return 1 }
            if byte != bytes[index] { return byte < bytes[index] ? -1 : 1 }
            index += 1
        }
        return index - bytes.count
    }
}
