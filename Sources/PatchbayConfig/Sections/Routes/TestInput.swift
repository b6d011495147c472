import PatchbayAPI

/// The `input` of a test as the bytes of a record: text as it is, anything else as compact JSON with keys in their order
/// and numbers as they are written. Also the `data` that a test expects and options of the kind `json`, which are JSON in any case.
///
/// Recursion is bounded by `YAMLLimits.depth`.
struct TestInput {
    enum Value: Equatable {
        case text(String)
        case tombstone

        /// `nil` for a tombstone.
        var text: String? { if case .text(let text) = self { text } else { nil } }
    }

    private let decoder: FieldDecoder
    private let findings: Findings
    private let subject: Subject
    private var json = ""
    private var isRight = true
    /// Whether a part of it must not be shown.
    private(set) var isSensitive = false

    init(decoder: FieldDecoder, findings: Findings, subject: Subject) {
        self.decoder = decoder
        self.findings = findings
        self.subject = subject
    }

    /// `nil` when something is wrong, and then it was reported.
    mutating func value(of node: YAMLNode) -> Value? {
        if let scalar = node.scalar {
            guard let value = resolved(scalar, node.position) else { return nil }
            switch value.type {
            case .null: return .tombstone
            case .text: return .text(value.text)
            case .bool, .integer, .number: break
            }
        }
        return json(of: node).map(Value.text)
    }

    /// The value as JSON, texts in quotes; `nil` when something is wrong, and then it was reported.
    mutating func json(of node: YAMLNode) -> String? {
        json = ""
        write(node)
        return isRight ? json : nil
    }

    private mutating func resolved(_ scalar: YAMLScalar, _ place: SourcePosition) -> ScalarText? {
        guard let resolved = decoder.interpolated(scalar, subject, place) else { return nil }
        if resolved.isSensitive { isSensitive = true }
        return ScalarText(text: resolved.text, form: scalar.style != .plain ? .quoted : resolved.isReplaced ? .free : .plain)
    }

    private mutating func write(_ node: YAMLNode) {
        switch node.content {
        case .invalid: isRight = false
        case .sequence(let items):
            json += "["
            for (index, item) in items.enumerated() {
                if index > 0 { json += "," }
                write(item)
            }
            json += "]"
        case .mapping(let entries):
            json += "{"
            for (index, entry) in entries.enumerated() {
                if index > 0 { json += "," }
                json += JSONLiteral.quoted(entry.key.scalar?.text ?? "") + ":"
                write(entry.value)
            }
            json += "}"
        case .scalar(let scalar): write(scalar, node.position)
        }
    }

    private mutating func write(_ scalar: YAMLScalar, _ place: SourcePosition) {
        guard let value = resolved(scalar, place) else { return isRight = false }
        switch value.type {
        case .text: json += JSONLiteral.quoted(value.text)
        case .null: json += "null"
        case .bool(let bool): json += bool ? "true" : "false"
        case .integer, .number:
            guard let number = JSONNumber.text(value.text) else {
                findings.add(
                    "JSON has no number \(subject.isSecret ? "like this" : DisplayText.quoted(value.text))", at: place,
                    hint: "put it in quotes")
                return isRight = false
            }
            json += number
        }
    }
}

/// Numbers of YAML as JSON writes them.
enum JSONNumber {
    /// As it is written where that is JSON (RFC 8259, section 6), else the same number; `nil` for what JSON can't say.
    static func text(_ yaml: String) -> String? {
        if isJSON(yaml) { return yaml }
        let type = ScalarType(plain: yaml)
        if case .integer(let value?) = type { return "\(value)" }
        // `.5`, `5.`, `+5`, `007`: only digits are added or left out, so that none is rounded away.
        var digits = yaml[...]
        let sign = digits.hasPrefix("-") ? "-" : ""
        if digits.hasPrefix("-") || digits.hasPrefix("+") { digits = digits.dropFirst() }
        let whole = digits.prefix { $0.isNumber }
        var rest = String(digits[whole.endIndex...])
        if rest.hasPrefix("."), rest.dropFirst().first?.isNumber != true { rest = String(rest.dropFirst()) }
        let significant = whole.drop { $0 == "0" }
        let text = sign + (significant.isEmpty ? "0" : significant) + rest
        return isJSON(text) ? text : nil
    }

    private static func isJSON(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        if bytes.first == 0x2D { bytes = bytes.dropFirst() }
        guard isDigit(bytes.first) else { return false }
        bytes = bytes.first == 0x30 ? bytes.dropFirst() : bytes.drop(while: isDigit)
        if bytes.first == 0x2E {
            bytes = bytes.dropFirst()
            guard isDigit(bytes.first) else { return false }
            bytes = bytes.drop(while: isDigit)
        }
        if bytes.first == 0x65 || bytes.first == 0x45 {
            bytes = bytes.dropFirst()
            if bytes.first == 0x2B || bytes.first == 0x2D { bytes = bytes.dropFirst() }
            guard isDigit(bytes.first) else { return false }
            bytes = bytes.drop(while: isDigit)
        }
        return bytes.isEmpty
    }
}
