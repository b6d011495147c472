/// The way to a field of a JSON value, such as `user.id`, `["log.level"]` or `items[0].price`: the one notation wherever a field is
/// named (docs/fields.md).
///
/// Thread: any. Immutable.
public struct FieldPath: Sendable {
    /// One step on the way.
    public enum Step: Sendable {
        /// A member of an object.
        case name(String)
        /// An element of an array, from 0.
        case index(Int)
    }

    /// What is wrong with a path, and what to do.
    public struct Invalid: Error, Equatable {
        /// Completes a sentence about the path, such as "names no field".
        public let problem: String
        public let hint: String

        public init(problem: String, hint: String) {
            self.problem = problem
            self.hint = hint
        }
    }

    /// Most steps of one path: records aren't nested deeper.
    public static let maximumSteps = 64

    /// As it was written.
    public let text: String
    /// At least one.
    public let steps: [Step]

    /// - Parameter text: names joined by dots; a name in brackets and quotes (`["log.level"]`, `['log.level']`) may hold anything, with
    ///   `\` before a quote or a `\`; a number in brackets is the index of an element.
    public init(_ text: String) throws(Invalid) {
        var reader = FieldPathReader(text)
        steps = try reader.steps()
        self.text = text
    }

    /// The members of these names, one inside the other. There must be at least one.
    public init(names: [String]) {
        steps = names.map(Step.name)
        text = Self.text(of: steps)
    }

    /// These steps as a path is written.
    public static func text(of steps: some Sequence<Step>) -> String {
        var text = ""
        for step in steps {
            switch step {
            case .index(let index): text += "[\(index)]"
            case .name(let name) where isPlain(name): text += text.isEmpty ? name : ".\(name)"
            case .name(let name):
                let escaped = name.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
                text += "[\"\(escaped)\"]"
            }
        }
        return text
    }

    /// The path below something else: `id` behind `@key` is `@key.id`.
    public func text(behind place: String) -> String { place + (text.utf8.first == UInt8(ascii: "[") ? text : ".\(text)") }

    /// Whether one of the steps is the index of an element.
    public var hasIndex: Bool { steps.contains { if case .index = $0 { true } else { false } } }

    /// Whether a name can stand in a path without brackets.
    private static func isPlain(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, let last = name.unicodeScalars.last else { return false }
        return !first.properties.isWhitespace && !last.properties.isWhitespace
            && !name.unicodeScalars.contains { $0 == "." || $0 == "[" || $0 == "]" }
    }
}

/// By the bytes of the names: `a["b"]` is `a.b`.
extension FieldPath: Equatable {
    public static func == (left: FieldPath, right: FieldPath) -> Bool { left.steps == right.steps }
}

extension FieldPath.Step: Equatable {
    public static func == (left: FieldPath.Step, right: FieldPath.Step) -> Bool {
        switch (left, right) {
        case (.name(let left), .name(let right)): left.hasSameBytes(as: right)
        case (.index(let left), .index(let right)): left == right
        default: false
        }
    }
}

/// Reads a path scalar by scalar: a dot or bracket with an accent behind it is one character, and a dot or bracket all the same.
private struct FieldPathReader {
    private let text: String
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) {
        self.text = text
        rest = text[...].unicodeScalars
    }

    mutating func steps() throws(FieldPath.Invalid) -> [FieldPath.Step] {
        if rest.first == ".", text.unicodeScalars.count > 1, !text.hasPrefix("..") {
            throw invalid("begins with a dot", "write `\(String(Substring(text.unicodeScalars.dropFirst())))`")
        }
        var steps: [FieldPath.Step] = []
        repeat {
            if steps.count == FieldPath.maximumSteps {
                throw invalid("has more than \(FieldPath.maximumSteps) steps", "records are never nested that deep")
            }
            if rest.first == "[" {
                rest = rest.dropFirst()
                steps.append(try bracket())
            } else {
                if !steps.isEmpty { try takeDot() }
                steps.append(.name(try name()))
            }
        } while !rest.isEmpty
        return steps
    }

    /// What joins a name to what comes before it.
    private mutating func takeDot() throws(FieldPath.Invalid) {
        guard rest.first == "." else {
            throw invalid("has no dot behind a `]`", "write it as in `items[0].price`")
        }
        rest = rest.dropFirst()
        if rest.first == "[" { throw invalid("has a dot before a `[`", "leave out the dot, as in `items[0]` or `log[\"a.b\"]`") }
    }

    private mutating func name() throws(FieldPath.Invalid) -> String {
        let name = rest.prefix { $0 != "." && $0 != "[" && $0 != "]" }
        rest = rest[name.endIndex...]
        if rest.first == "]" { throw invalid("has a `]` without its `[`", "a name with a `]` in it is written `[\"a]\"]`") }
        guard let first = name.first, let last = name.last else {
            throw invalid(
                "names no field", "write `name`, `outer.inner`, `items[0]`, or `[\"a.b\"]` for a name with a dot in it")
        }
        if first.properties.isWhitespace || last.properties.isWhitespace {
            throw invalid(
                "has spaces around `\(String(name))`",
                "write `\(trimmed(text))`; a name that really has them is written `[\"\(String(name))\"]`")
        }
        return String(name)
    }

    /// Every name without the white space around it.
    private func trimmed(_ text: String) -> String {
        text.pathNames.map { name in
            let start = name.unicodeScalars.drop { $0.properties.isWhitespace }
            let count = start.reversed().drop { $0.properties.isWhitespace }.count
            return String(Substring(start.prefix(count)))
        }.joined(separator: ".")
    }

    private mutating func bracket() throws(FieldPath.Invalid) -> FieldPath.Step {
        if let quote = rest.first, quote == "\"" || quote == "'" { return .name(try quotedName(quote)) }
        guard let end = rest.firstIndex(of: "]") else {
            throw invalid("has a `[` without its `]`", "write an element as `[0]`, a name as `[\"a.b\"]`")
        }
        let inner = String(Substring(rest[..<end]))
        rest = rest[end...].dropFirst()
        let isNumber = !inner.isEmpty && inner.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if isNumber, inner.utf8.count <= 9, inner == "0" || !inner.hasPrefix("0"), let index = Int(inner) { return .index(index) }
        if isNumber { throw invalid("has the index `\(inner)`", "write a number from 0 to 999999999, without zeros in front") }
        if inner.isEmpty || inner == "*" {
            throw invalid("doesn't say which element it means", "name one as `[0]`, or the array as a whole")
        }
        if inner.hasPrefix("-") { throw invalid("counts from the end", "elements are counted from the start: `[0]` is the first") }
        throw invalid("has no quotes around `\(inner)`", "write an element as `[0]`, a name as `[\"\(inner)\"]`")
    }

    /// Behind the opening quote; takes the bracket behind the closing one, too.
    private mutating func quotedName(_ quote: Unicode.Scalar) throws(FieldPath.Invalid) -> String {
        rest = rest.dropFirst()
        var name = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == quote {
                guard rest.popFirst() == "]" else {
                    throw invalid("has no `]` behind a closing quote", "write it as in `[\"a.b\"]`")
                }
                return String(name)
            }
            guard scalar == "\\" else {
                name.append(scalar)
                continue
            }
            guard let escaped = rest.popFirst(), escaped == "\\" || escaped == "\"" || escaped == "'" else {
                throw invalid("has a `\\` that escapes nothing", "write `\\\\` for a backslash, `\\\"` for a quote")
            }
            name.append(escaped)
        }
        throw invalid("has a quote without its end", "write it as in `[\"a.b\"]`")
    }

    private func invalid(_ problem: String, _ hint: String) -> FieldPath.Invalid {
        FieldPath.Invalid(problem: problem, hint: hint)
    }
}
