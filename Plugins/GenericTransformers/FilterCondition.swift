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
        /// A field of the value; the value itself without steps.
        case path([FieldPath.Step])
        /// A field of the record's key, which is null where the key is no JSON.
        case keyPath([FieldPath.Step])
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

    /// Whether it asks for fields of the record's key.
    var usesKey: Bool {
        switch self {
        case .literal: false
        case .operand(let operand), .comparison(let operand, _, _): if case .keyPath = operand { true } else { false }
        case .and(let left, let right), .or(let left, let right): left.usesKey || right.usesKey
        case .not(let condition): condition.usesKey
        }
    }

    /// What a condition is judged on.
    struct Subject {
        let record: Record
        let topic: String
        /// The record's value.
        let value: JSONValue
        /// The record's key, when it is JSON and a condition asks for it.
        let key: JSONValue?
    }

    func holds(on subject: Subject) throws(Failure) -> Bool {
        switch self {
        case .literal(.null): return false
        case .literal(.bool(let value)): return value
        case .literal: return true
        case .operand(.path(let steps)): return Self.isTrue(try Self.value(at: steps, in: subject.value))
        case .operand(.keyPath(let steps)): return Self.isTrue(try Self.value(at: steps, in: subject.key))
        case .operand(.record(let property)): return property.exists(on: subject.record)
        case .comparison(.path(let steps), let comparison, let literal):
            return comparison.holds(literal.order(of: try Self.value(at: steps, in: subject.value)))
        case .comparison(.keyPath(let steps), let comparison, let literal):
            return comparison.holds(literal.order(of: try Self.value(at: steps, in: subject.key)))
        case .comparison(.record(let property), let comparison, let literal):
            return comparison.holds(property.order(of: subject.record, topic: subject.topic, comparedWith: literal))
        case .and(let left, let right):
            guard try left.holds(on: subject) else { return false }
            return try right.holds(on: subject)
        case .or(let left, let right):
            if try left.holds(on: subject) { return true }
            return try right.holds(on: subject)
        case .not(let condition): return try !condition.holds(on: subject)
        }
    }

    private static func isTrue(_ value: JSONValue?) -> Bool {
        guard let value else { return false }
        return value.type != .null && value.bool != false
    }

    /// `nil` stands for null.
    private static func value(at steps: [FieldPath.Step], in root: JSONValue?) throws(Failure) -> JSONValue? {
        guard var value = root else { return nil }
        // By index: builds without optimization allocate for every element that a loop over an array takes.
        for index in steps.indices {
            let inner: JSONValue?
            switch (steps[index], value.type) {
            case (_, .null): return nil
            case (.name(let name), .object): inner = value[name]
            case (.index(let index), .array): inner = value.element(at: index)
            default: throw failure(value.type, steps[index])
            }
            guard let inner else { return nil }
            value = inner
        }
        return value
    }

    @inline(never)
    private static func failure(_ type: JSONType, _ step: FieldPath.Step) -> Failure {
        let found =
            switch type {
            case .null: "null"
            case .bool: "boolean"
            case .number: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        switch step {
        // jq 1.6 doesn't repeat long names.
        case .name(let name): return Failure(message: "Cannot index \(found) with string" + (name.utf8.count < 30 ? " \"\(name)\"" : ""))
        case .index: return Failure(message: "Cannot index \(found) with number")
        }
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
            case .sign("."): return .operand(.path((textStep() ?? bracketStep()).map { [$0] + moreSteps() } ?? []))
            case .field(let name): return .operand(.path([.name(name)] + moreSteps()))
            case .sign("@key") where isStep: return .operand(.keyPath(moreSteps()))
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

        /// Whether a path goes on.
        private var isStep: Bool {
            switch tokens.first {
            case .field, .sign("["): true
            case .sign("."): if case .text? = tokens.dropFirst().first { true } else { false }
            default: false
            }
        }

        /// The rest of a path: `.name`, `."any name"`, `["any name"]`, `[0]`, as often as they come.
        private mutating func moreSteps() -> [FieldPath.Step] {
            var steps: [FieldPath.Step] = []
            while let next = tokens.first {
                var step: FieldPath.Step?
                if case .field(let name) = next {
                    step = .name(name)
                    tokens.removeFirst()
                } else if next == .sign("."), case .text? = tokens.dropFirst().first {
                    tokens.removeFirst()
                    step = textStep()
                } else {
                    step = bracketStep()
                }
                // What is left over is no condition.
                guard let step else { return steps }
                steps.append(step)
            }
            return steps
        }

        private mutating func textStep() -> FieldPath.Step? {
            guard case .text(let name, isWhole: true)? = tokens.first, !name.utf8.contains(UInt8(ascii: "\\")) else { return nil }
            tokens.removeFirst()
            return .name(name)
        }

        private mutating func bracketStep() -> FieldPath.Step? {
            let bracket = Array(tokens.prefix(3))
            guard bracket.count == 3, bracket[0] == .sign("["), bracket[2] == .sign("]") else { return nil }
            switch bracket[1] {
            case .text(let name, isWhole: true) where !name.utf8.contains(UInt8(ascii: "\\")):
                tokens.removeFirst(3)
                return .name(name)
            // Others, such as 1.5 and 1e3, are indexes to jq as well.
            case .number(let text) where text.utf8.count <= 9 && text.utf8.allSatisfy({ (0x30...0x39).contains($0) }):
                tokens.removeFirst(3)
                return Int(text).map(FieldPath.Step.index)
            default: return nil
            }
        }
    }
}
