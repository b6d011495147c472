import PatchbayAPI

extension FilterCondition {
    /// Why no record can ever pass; `nil` when one may. Finds what is plain to see: constants, and a field that would have
    /// to be two values at once.
    var neverHolds: String? {
        switch self {
        case .literal(.null): return "`null` is never true"
        case .literal(.bool(false)): return "`false` is never true"
        case .literal, .operand: return nil
        case .comparison(_, .less, .null): return "nothing is smaller than `null`"
        case .comparison(.record(.topic), let comparison, let literal): return Self.kind("@topic", .string([]), comparison, literal)
        case .comparison(.record(.partition), let comparison, let literal):
            return Self.kind("@partition", .number(0), comparison, literal)
        case .comparison(.record(.timestamp), .equal, .string), .comparison(.record(.timestamp), .greater, .string),
            .comparison(.record(.timestamp), .greaterOrEqual, .string):
            return "`@timestamp` is a number, milliseconds since 1970"
        case .comparison(.record(.key), .equal, .number), .comparison(.record(.key), .equal, .bool):
            return "`@key` is text: compare it with text in quotes"
        case .comparison(.record(.header(let name)), .equal, .number), .comparison(.record(.header(let name)), .equal, .bool):
            return "`@header.\(name)` is text: compare it with text in quotes"
        case .comparison: return nil
        case .or(let left, let right):
            guard let reason = left.neverHolds, right.neverHolds != nil else { return nil }
            return reason
        case .and(let left, let right): return left.neverHolds ?? right.neverHolds ?? contradiction
        case .not(.literal(.bool(true))), .not(.literal(.number)), .not(.literal(.string)): return "`not` of something true is never true"
        case .not: return nil
        }
    }

    /// What is always there and always of one kind.
    private static func kind(_ name: String, _ own: Literal, _ comparison: Comparison, _ literal: Literal) -> String? {
        guard own.rank != literal.rank else { return nil }
        let holds =
            switch comparison {
            case .equal: false
            case .notEqual: true
            case .less, .lessOrEqual: own.rank < literal.rank
            case .greater, .greaterOrEqual: own.rank > literal.rank
            }
        return holds ? nil : "`\(name)` is \(own.rank == Literal.number(0).rank ? "a number" : "a text")"
    }

    /// Of everything that `and` joins: one and the same thing equal to two different values.
    private var contradiction: String? {
        var wanted: [(name: String, literal: Literal)] = []
        var rest = [self]
        while let next = rest.popLast() {
            switch next {
            case .and(let left, let right): rest += [left, right]
            case .comparison(let operand, .equal, let literal):
                let name = operand.name
                if let other = wanted.first(where: { $0.name.utf8.elementsEqual(name.utf8) && !$0.literal.isSame(as: literal) }) {
                    return "`\(other.name)` can't be equal to two different values"
                }
                wanted.append((name, literal))
            default: break
            }
        }
        return nil
    }
}

extension FilterCondition.Operand {
    fileprivate var name: String {
        switch self {
        case .path(let steps): steps.isEmpty ? "." : FieldPath.text(of: steps).jqPath
        case .keyPath(let steps): "@key" + FieldPath.text(of: steps).jqPath
        case .record(.key): "@key"
        case .record(.topic): "@topic"
        case .record(.partition): "@partition"
        case .record(.timestamp): "@timestamp"
        case .record(.header(let name)): "@header." + name
        }
    }
}

extension FilterCondition.Literal {
    fileprivate func isSame(as other: FilterCondition.Literal) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        default: false
        }
    }
}

extension String {
    /// A path as jq writes it.
    fileprivate var jqPath: String { "." + self }
}
