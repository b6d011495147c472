/// Text with placeholders for what a record has: `{user.id}`, `{@key}`, `{@header.source}`. Names of channels and the values of `set`
/// are made with it.
///
/// Thread: any. Immutable.
public struct RecordTemplate: Sendable, Equatable {
    /// One piece of the text.
    public enum Part: Sendable, Equatable {
        case literal(String)
        /// A field of the record's value: `{Token}`, `{user.id}`.
        case field(FieldPath)
        /// The record's key as text: `{@key}`.
        case key
        /// A field of the record's key, which is JSON: `{@key.id}`.
        case keyField(FieldPath)
        /// The last header of that name as text: `{@header.NAME}`.
        case header(String)
        /// The record's topic: `{@topic}`.
        case topic
        /// The record's partition: `{@partition}`.
        case partition
        /// Milliseconds since 1970: `{@timestamp}`.
        case timestamp

        /// By the bytes of names and texts.
        public static func == (left: Part, right: Part) -> Bool {
            switch (left, right) {
            case (.literal(let left), .literal(let right)), (.header(let left), .header(let right)):
                left.hasSameBytes(as: right)
            case (.field(let left), .field(let right)), (.keyField(let left), .keyField(let right)): left == right
            case (.key, .key), (.topic, .topic), (.partition, .partition), (.timestamp, .timestamp): true
            default: false
            }
        }
    }

    /// What is wrong with a template, and what to do.
    public struct Invalid: Error, Equatable {
        public let problem: String
        public let hint: String?

        public init(problem: String, hint: String?) {
            self.problem = problem
            self.hint = hint
        }
    }

    /// What the text is for.
    public enum Use: Sendable {
        /// A channel's name: without `{@timestamp}`, which would make a channel for every millisecond.
        case channelName
        /// A value, in which `{{` and `}}` stand for `{` and `}`.
        case value
    }

    /// Most placeholders of one template.
    public static let maximumPlaceholders = 16

    public let parts: [Part]

    /// - Throws: when braces don't match or a placeholder is none of those above.
    public init(_ text: String, for use: Use) throws(Invalid) {
        var reader = TemplateReader(text, use)
        parts = try reader.parts()
    }

    /// Whether there are no placeholders in it.
    public var isPlain: Bool { parts.allSatisfy { if case .literal = $0 { true } else { false } } }
}

/// By scalars: a brace with an accent behind it is one character, and a brace all the same.
private struct TemplateReader {
    private var rest: Substring.UnicodeScalarView
    private let use: RecordTemplate.Use

    init(_ text: String, _ use: RecordTemplate.Use) {
        rest = text[...].unicodeScalars
        self.use = use
    }

    mutating func parts() throws(RecordTemplate.Invalid) -> [RecordTemplate.Part] {
        var parts: [RecordTemplate.Part] = []
        var placeholders = 0
        var literal = ""
        while let scalar = rest.popFirst() {
            switch scalar {
            case "{" where use == .value && rest.first == "{", "}" where use == .value && rest.first == "}":
                rest = rest.dropFirst()
                literal.unicodeScalars.append(scalar)
            case "{":
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = ""
                parts.append(try placeholder(try inner()))
                placeholders += 1
            case "}":
                throw Self.invalid("has a `}` without its `{`", "write a placeholder as `{Field}`\(doubled("}"))")
            default:
                literal.unicodeScalars.append(scalar)
            }
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        guard placeholders <= RecordTemplate.maximumPlaceholders else {
            throw Self.invalid(
                "has \(placeholders) placeholders", "use at most \(RecordTemplate.maximumPlaceholders) in one text")
        }
        return parts
    }

    private func doubled(_ brace: String) -> String { use == .value ? ", a brace that is meant as one as `\(brace)\(brace)`" : "" }

    /// What stands between the braces. A name in quotes may hold braces of its own.
    private mutating func inner() throws(RecordTemplate.Invalid) -> String {
        var inner = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        while let scalar = rest.popFirst() {
            if quote == nil, scalar == "}" { return String(inner) }
            if quote == nil, scalar == "{" {
                inner.append(contentsOf: "{".unicodeScalars)
                inner.append(contentsOf: rest.prefix { $0 != "}" })
                throw Self.namesNoField(String(inner))
            }
            if quote == nil, scalar == "\"" || scalar == "'", inner.last == "[" {
                quote = scalar
            } else if scalar == quote {
                quote = nil
            } else if quote != nil, scalar == "\\", let escaped = rest.popFirst() {
                inner.append(scalar)
                inner.append(escaped)
                continue
            }
            inner.append(scalar)
        }
        throw Self.invalid("has a `{` without its `}`", "write a placeholder as `{Field}`\(doubled("{"))")
    }

    private func placeholder(_ name: String) throws(RecordTemplate.Invalid) -> RecordTemplate.Part {
        guard name.utf8.first == UInt8(ascii: "@") else { return .field(try Self.path(name, of: name)) }
        switch name {
        case "@key": return .key
        case "@topic": return .topic
        case "@partition": return .partition
        case "@timestamp" where use == .value: return .timestamp
        case "@timestamp":
            throw Self.invalid(
                "has the placeholder `{@timestamp}`, which would make a channel for every millisecond",
                "put the time into the message instead: `set: { at: \"{@timestamp}\" }`")
        default: break
        }
        if let rest = name.behind("@key.") ?? name.behind("@key[").map({ "[" + $0 }) { return .keyField(try Self.path(rest, of: name)) }
        if let header = name.behind("@header.") {
            guard !header.isEmpty else {
                throw Self.invalid("has a placeholder without the header's name", "write `{@header.NAME}`")
            }
            return .header(header)
        }
        if let rest = name.behind("@header[").map({ "[" + $0 }) {
            let path = try Self.path(rest, of: name)
            guard path.steps.count == 1, case .name(let header) = path.steps[0], !header.isEmpty else {
                throw Self.invalid("has a placeholder without the header's name", "write `{@header.NAME}`")
            }
            return .header(header)
        }
        let time = use == .value ? ", `{@timestamp}`" : ""
        throw Self.invalid(
            "has an unknown placeholder `{\(name)}`",
            "use `{@key}`, `{@key.FIELD}`, `{@header.NAME}`, `{@topic}`, `{@partition}`\(time), or a field as `{Field}`; "
                + "a field whose name begins with `@` is `{[\"\(name)\"]}`")
    }

    private static func path(_ text: String, of placeholder: String) throws(RecordTemplate.Invalid) -> FieldPath {
        do throws(FieldPath.Invalid) {
            return try FieldPath(text)
        } catch {
            throw invalid("has a placeholder `{\(placeholder)}` that \(error.problem)", error.hint)
        }
    }

    private static func namesNoField(_ name: String) -> RecordTemplate.Invalid {
        invalid(
            "has a placeholder `{\(name)}` that names no field",
            "name a field as `{Field}` or `{outer.inner}`, one with a brace in its name as `{[\"a{b\"]}`")
    }

    private static func invalid(_ problem: String, _ hint: String) -> RecordTemplate.Invalid {
        RecordTemplate.Invalid(problem: problem, hint: hint)
    }
}

extension String {
    /// What follows a prefix, which is compared by its bytes.
    fileprivate func behind(_ prefix: String) -> String? {
        utf8.starts(with: prefix.utf8) ? String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
    }
}
