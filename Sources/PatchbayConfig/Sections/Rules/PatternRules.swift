import PatchbayAPI

/// What a regular expression over topics may cost. The C library writes repetitions out when it compiles an expression,
/// so a dozen characters could take gigabytes, and it tries every way there is to match what refers back.
enum PatternRules {
    /// Bytes of an expression.
    static let longest = 1000
    /// Single characters of an expression with all its repetitions written out.
    static let costliest = 5000
    /// Parentheses inside each other.
    static let deepest = 50

    /// What is wrong with an expression before it is compiled; `nil` when it may be.
    static func objection(_ text: String) -> NameRules.Objection? {
        let bytes = Array(text.utf8)
        guard bytes.count <= longest else {
            return NameRules.Objection("must have at most \(longest) bytes as a regular expression", nil)
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            return NameRules.Objection("must not contain control characters", nil)
        }
        if let objection = PerlSyntax.objection(bytes) { return objection }
        switch cost(bytes) {
        case .fine: return nil
        case .refersBack:
            return NameRules.Objection("must not refer back to a group (`\\1`)", "write the text out, or match less closely")
        case .tooDeep: return NameRules.Objection("must not have more than \(deepest) groups inside each other", nil)
        case .tooCostly:
            return NameRules.Objection(
                "must not repeat so much: written out it has more than \(costliest) characters", "use `+` or `*` instead of `{n}`")
        }
    }

    /// Characters of an expression with its repetitions written out.
    static func length(_ text: String) -> Int { if case .fine(let length) = cost(Array(text.utf8)) { length } else { 0 } }

    private enum Cost { case fine(Int), refersBack, tooDeep, tooCostly }

    /// A group that is open: characters so far, and those of the last thing, which a repetition repeats.
    private struct Group {
        var sum = 0
        var last = 0

        mutating func add(_ cost: Int) {
            sum += cost
            last = cost
        }

        mutating func multiply(by count: Int) {
            let added = last.multipliedReportingOverflow(by: max(0, count - 1))
            let total = sum.addingReportingOverflow(added.partialValue)
            guard !added.overflow, !total.overflow else { return sum = .max / 2 }
            sum = total.partialValue
            last = last &* max(1, count)
        }
    }

    private static func cost(_ bytes: [UInt8]) -> Cost {
        var groups = [Group()]
        var index = 0
        while index < bytes.count {
            var group = groups.removeLast()
            switch bytes[index] {
            case 0x5C:  // backslash
                index += 1
                if index < bytes.count, (0x31...0x39).contains(bytes[index]) { return .refersBack }
                group.add(1)
            case 0x5B:  // [
                index = endOfSet(bytes, at: index)
                group.add(1)
            case 0x28:  // (
                groups.append(group)
                guard groups.count <= deepest else { return .tooDeep }
                group = Group()
            case 0x29 where !groups.isEmpty:  // )
                // One more, since the library writes out an empty group too.
                let inner = group.sum + 1
                group = groups.removeLast()
                group.add(inner)
            case 0x7B:  // {
                let (count, end) = repetition(bytes, at: index)
                group.multiply(by: count)
                index = end
            case 0x2A, 0x2B, 0x3F: break  // * + ?
            default: group.add(1)
            }
            guard group.sum <= costliest else { return .tooCostly }
            groups.append(group)
            index += 1
        }
        return .fine(groups.reduce(0) { $0 + $1.sum })
    }

    /// Index of the `]` of a set such as `[a-z]`, `[]a]` or `[^[:alpha:]]`; the last one when there is none.
    static func endOfSet(_ bytes: [UInt8], at start: Int) -> Int {
        var index = start + 1
        if index < bytes.count, bytes[index] == 0x5E { index += 1 }
        if index < bytes.count, bytes[index] == 0x5D { index += 1 }
        while index < bytes.count, bytes[index] != 0x5D {
            if bytes[index] == 0x5B, index + 1 < bytes.count, [0x3A, 0x2E, 0x3D].contains(bytes[index + 1]) {
                let kind = bytes[index + 1]
                var end = index + 2
                while end + 1 < bytes.count, !(bytes[end] == kind && bytes[end + 1] == 0x5D) { end += 1 }
                if end + 1 < bytes.count { index = end + 1 }
            }
            index += 1
        }
        return min(index, bytes.count - 1)
    }

    /// The largest count of `{n}`, `{n,}` or `{n,m}`, and the index of its `}`; 1 when it is none of them.
    private static func repetition(_ bytes: [UInt8], at start: Int) -> (count: Int, end: Int) {
        guard let end = bytes[start...].firstIndex(of: 0x7D) else { return (1, start) }
        let numbers = bytes[(start + 1)..<end].split(separator: 0x2C).map {
            Int(String(decoding: $0, as: UTF8.self)) ?? 1
        }
        return (numbers.max() ?? 1, end)
    }
}

/// What all regular expressions of a load may cost together.
///
/// Thread: the one that loads; one instance per load.
final class PatternBudget {
    /// Single characters of all expressions, repetitions written out; compiling takes about a microsecond for each.
    static let characters = 200_000
    /// Comparisons of a topic with an expression.
    static let matches = 2_000_000

    private var characters = PatternBudget.characters
    private var matches = PatternBudget.matches

    /// Whether an expression of this length may still be compiled.
    func compiles(_ length: Int) -> Bool {
        characters -= length
        return characters >= 0
    }

    /// Whether a topic may still be compared with so many expressions.
    func compares(_ count: Int) -> Bool {
        matches -= count
        return matches >= 0
    }
}
