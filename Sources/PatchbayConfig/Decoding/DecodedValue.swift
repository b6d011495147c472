import PatchbayAPI

/// A checked value with where it comes from.
package struct DecodedValue: Sendable {
    package indirect enum Content: Sendable {
        case value(ConfigValue)
        case list([DecodedValue])
        case object(DecodedObject)
        case dictionary([DecodedEntry])
        /// Of kind `any`: the field's owner reads it.
        case tree(YAMLNode)
    }

    let content: Content
    let source: ValueSource
    let subject: Subject

    var string: String? { if case .value(.string(let text)) = content { text } else { nil } }

    /// Its text as a message may name it.
    var shown: String { subject.isSecret ? "from `${…}`" : DisplayText.quoted(string ?? "") }

    var bool: Bool? { if case .value(.bool(let value)) = content { value } else { nil } }

    var integer: Int64? { if case .value(.integer(let number)) = content { number } else { nil } }

    var number: Double? {
        switch content {
        case .value(.number(let value)): value
        case .value(.integer(let value)): Double(value)
        default: nil
        }
    }

    var items: [DecodedValue] { if case .list(let items) = content { items } else { [] } }

    var object: DecodedObject? { if case .object(let object) = content { object } else { nil } }

    var entries: [DecodedEntry] { if case .dictionary(let entries) = content { entries } else { [] } }

    /// Whether it or something in it must not be shown.
    var isSecret: Bool {
        if subject.isSecret { return true }
        return switch content {
        case .value: false
        case .list(let items): items.contains(where: \.isSecret)
        case .object(let object): object.values.contains(where: \.isSecret)
        case .dictionary(let entries): entries.contains(where: \.value.isSecret)
        case .tree(let node): node.namesFile
        }
    }

    /// Texts in it that must not be shown.
    var secretTexts: [String] {
        switch content {
        case .value(.string(let text)), .value(.json(let text)): subject.isSecret && !text.isEmpty ? [text] : []
        case .value, .tree: []
        case .list(let items): items.flatMap(\.secretTexts)
        case .object(let object): object.values.flatMap(\.secretTexts)
        case .dictionary(let entries): entries.flatMap(\.value.secretTexts)
        }
    }

    /// The same for another place, which inherits it.
    func inherited(by subject: Subject) -> DecodedValue {
        DecodedValue(content: content, source: source, subject: isSecret ? subject.hidden : subject)
    }
}

/// One entry of a dictionary, in the order of the file.
package struct DecodedEntry: Sendable {
    let name: String
    let position: SourcePosition
    let value: DecodedValue
}

/// A mapping checked against its fields.
package struct DecodedObject: Sendable {
    /// Where the mapping starts; `nil` when the file doesn't have it.
    let position: SourcePosition?
    /// In the order of the fields: what was given, or else the default.
    private(set) var values: [DecodedValue] = []
    /// Where each key of the file stands, those with a wrong value included.
    private(set) var keys = KeyPositions()
    /// Keys whose value is wrong; it was reported.
    private(set) var failed: Set<String> = []

    init(position: SourcePosition?) { self.position = position }

    subscript(name: String) -> DecodedValue? {
        // By the index: looking at a value must not copy it, since there are a dozen in each of thousands of routes.
        values.firstIndex { $0.subject.name.hasSameBytes(as: name) }.map { values[$0] }
    }

    /// Whether what one of these keys says must not be shown.
    func hides(_ names: String...) -> Bool { values.contains { $0.isSecret && names.containsBytes(of: $0.subject.name) } }

    /// Names of the values that must not be shown.
    var secrets: Set<String> { Set(values.lazy.filter(\.isSecret).map(\.subject.name)) }

    mutating func add(_ value: DecodedValue) { values.append(value) }
    mutating func note(key: String, at position: SourcePosition) { keys.add(key, position) }
    mutating func fail(_ name: String) { failed.insert(name) }
}

/// Places of a mapping's keys: a dozen at most, which are found faster by looking than by hashing.
package struct KeyPositions: Sendable {
    private var entries: [(key: String, position: SourcePosition)] = []

    /// The first place counts.
    mutating func add(_ key: String, _ position: SourcePosition) {
        if self[key] == nil { entries.append((key, position)) }
    }

    subscript(key: String) -> SourcePosition? { entries.first { $0.key.hasSameBytes(as: key) }?.position }
}
