import PatchbayAPI
import PatchbayJSON

/// What most filters are: comparisons of fields with literals, joined by `and`, `or` and `not`. Judged without jq, a
/// thousandth of its price to set up and a tenth per record, with jq's outcome in every case: tests hold one against the
/// other.
///
/// Thread: any. Immutable; judging allocates nothing unless it fails.
indirect enum FilterCondition: Sendable {
    case literal(Literal)
    case operand(Operand)
    case comparison(Operand, Comparison, Literal)
    case and(FilterCondition, FilterCondition)
    case or(FilterCondition, FilterCondition)
    case not(FilterCondition)

    /// What is looked at.
    enum Operand: Sendable {
        /// A field of the value.
        case path([String])
        /// Something of the record beside its value.
        case record(RecordProperty)
    }

    enum Literal: Sendable {
        case null
        case bool(Bool)
        case number(Double)
        case string([UInt8])
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="

        fileprivate func holds(_ order: Int) -> Bool {
            switch self {
            case .equal: order == 0
            case .notEqual: order != 0
            case .less: order < 0
            case .lessOrEqual: order <= 0
            case .greater: order > 0
            case .greaterOrEqual: order >= 0
            }
        }
    }

    /// jq can't look into a value that is neither an object nor null.
    struct Failure: Error {
        let message: String
    }

    /// - Parameters:
    ///   - value: of the record.
    ///   - record: with its topic, what the properties are read from.
    func holds(on value: JSONValue, of record: Record, topic: String) throws(Failure) -> Bool {
        switch self {
        case .literal(.null): return false
        case .literal(.bool(let value)): return value
        case .literal: return true
        case .operand(.path(let names)):
            guard let field = try Self.value(at: names, in: value) else { return false }
            return field.type != .null && field.bool != false
        case .operand(.record(let property)): return property.exists(on: record)
        case .comparison(.path(let names), let comparison, let literal):
            return comparison.holds(literal.order(of: try Self.value(at: names, in: value)))
        case .comparison(.record(let property), let comparison, let literal):
            return comparison.holds(property.order(of: record, topic: topic, comparedWith: literal))
        case .and(let left, let right):
            guard try left.holds(on: value, of: record, topic: topic) else { return false }
            return try right.holds(on: value, of: record, topic: topic)
        case .or(let left, let right):
            if try left.holds(on: value, of: record, topic: topic) { return true }
            return try right.holds(on: value, of: record, topic: topic)
        case .not(let condition): return try !condition.holds(on: value, of: record, topic: topic)
        }
    }

    /// `nil` stands for null.
    private static func value(at names: [String], in record: JSONValue) throws(Failure) -> JSONValue? {
        var value = record
        // By index: builds without optimization allocate for every element that a loop over an array takes.
        for index in names.indices {
            let name = names[index]
            switch value.type {
            case .object:
                guard let inner = value[name] else { return nil }
                value = inner
            case .null: return nil
            case .bool: throw failure("boolean", name)
            case .number: throw failure("number", name)
            case .string: throw failure("string", name)
            case .array: throw failure("array", name)
            }
        }
        return value
    }

    @inline(never)
    private static func failure(_ type: String, _ name: String) -> Failure {
        // jq 1.6 doesn't repeat long names.
        Failure(message: "Cannot index \(type) with string" + (name.utf8.count < 30 ? " \"\(name)\"" : ""))
    }
}

extension FilterCondition.Literal {
    /// jq's order: null, false, true, numbers, texts, arrays, objects. Below zero when `value` comes first.
    fileprivate func order(of value: JSONValue?) -> Int {
        let ranks = Self.rank(value) - rank
        guard ranks == 0, let value else { return ranks }
        switch self {
        case .null, .bool: return 0
        case .number(let number):
            let double = value.double ?? (value.text.first == UInt8(ascii: "-") ? -Double.infinity : .infinity)
            return double < number ? -1 : double == number ? 0 : 1
        case .string(let bytes):
            guard let text = value.string else { return 0 }
            return Self.order(of: text, bytes)
        }
    }

    /// By bytes. Below zero when `text` comes first.
    static func order(of text: UnsafeRawBufferPointer, _ bytes: [UInt8]) -> Int {
        for index in 0..<min(text.count, bytes.count) where text[index] != bytes[index] {
            return text[index] < bytes[index] ? -1 : 1
        }
        return text.count - bytes.count
    }

    var rank: Int {
        switch self {
        case .null: 0
        case .bool(let value): value ? 2 : 1
        case .number: 3
        case .string: 4
        }
    }

    private static func rank(_ value: JSONValue?) -> Int {
        guard let value else { return 0 }
        return switch value.type {
        case .null: 0
        case .bool: value.bool == true ? 2 : 1
        case .number: 3
        case .string: 4
        case .array: 5
        case .object: 6
        }
    }
}

// MARK: Reading

extension FilterCondition {
    /// `nil` when the expression is anything more, or wrong; then it is jq's.
    init?(_ text: JQTokens) {
        guard text.isBalanced else { return nil }
        var reader = Reader(tokens: text.tokens[...])
        guard let condition = reader.pipeline(), reader.tokens.isEmpty else { return nil }
        self = condition
    }

    private struct Reader {
        var tokens: ArraySlice<JQTokens.Token>
        private var depth = 0

        init(tokens: ArraySlice<JQTokens.Token>) { self.tokens = tokens }

        private mutating func take(_ token: JQTokens.Token) -> Bool {
            guard tokens.first == token else { return false }
            tokens.removeFirst()
            return true
        }

        /// Any number of `| not` behind a condition.
        mutating func pipeline() -> FilterCondition? {
            guard var condition = disjunction() else { return nil }
            while take(.sign("|")) {
                guard take(.word("not")) else { return nil }
                condition = .not(condition)
            }
            return condition
        }

        private mutating func disjunction() -> FilterCondition? {
            guard var left = conjunction() else { return nil }
            while take(.word("or")) {
                guard let right = conjunction() else { return nil }
                left = .or(left, right)
            }
            return left
        }

        private mutating func conjunction() -> FilterCondition? {
            guard var left = comparison() else { return nil }
            while take(.word("and")) {
                guard let right = comparison() else { return nil }
                left = .and(left, right)
            }
            return left
        }

        private mutating func comparison() -> FilterCondition? {
            if take(.sign("(")) {
                depth += 1
                defer { depth -= 1 }
                // Far from the end of the stack.
                guard depth <= 50, let inner = pipeline(), take(.sign(")")) else { return nil }
                return inner
            }
            guard let left = operand() else { return nil }
            guard case .sign(let sign)? = tokens.first, let comparison = Comparison(rawValue: sign) else { return left }
            tokens.removeFirst()
            guard case .operand(let left) = left, case .literal(let literal)? = operand() else { return nil }
            return .comparison(left, comparison, literal)
        }

        /// A path or a literal.
        private mutating func operand() -> FilterCondition? {
            guard let first = tokens.popFirst() else { return nil }
            switch first {
            case .sign("."): return .operand(.path([]))
            case .field(let name):
                var names = [name]
                while case .field(let name)? = tokens.first {
                    names.append(name)
                    tokens.removeFirst()
                }
                return .operand(.path(names))
            case .sign(let sign) where RecordProperty.signs.contains(sign):
                return RecordProperty(sign, &tokens).map { .operand(.record($0)) }
            case .word("null"): return .literal(.null)
            case .word("true"): return .literal(.bool(true))
            case .word("false"): return .literal(.bool(false))
            case .number(let text): return Double(text).map { .literal(.number($0)) }
            case .sign("-"):
                guard case .number(let text)? = tokens.popFirst() else { return nil }
                return Double(text).map { .literal(.number(-$0)) }
            case .text(let text, isWhole: true) where !text.contains("\\"): return .literal(.string(Array(text.utf8)))
            default: return nil
            }
        }
    }
}
