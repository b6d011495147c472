import PatchbayAPI

/// A checked value with where it comes from.
package struct DecodedValue: Sendable {
    package indirect enum Content: Sendable {
        case value(ConfigValue)
        case list([DecodedValue])
        case object(DecodedObject)
        case dictionary([DecodedEntry])
        /// Of kind `any`: whoever declared the field reads it.
        case tree(YAMLNode)
    }

    let content: Content
    let source: ValueSource
    let subject: Subject

    var string: String? { if case .value(.string(let text)) = content { text } else { nil } }

    /// Its text as a message may name it.
    var shown: String { subject.isSecret ? "from `${file:…}`" : Shown.quoted(string ?? "") }

    var integer: Int64? { if case .value(.integer(let number)) = content { number } else { nil } }

    var items: [DecodedValue] { if case .list(let items) = content { items } else { [] } }

    var object: DecodedObject? { if case .object(let object) = content { object } else { nil } }

    var entries: [DecodedEntry] { if case .dictionary(let entries) = content { entries } else { [] } }
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
    private(set) var keys: [String: SourcePosition] = [:]
    /// Keys whose value is wrong; it was reported.
    private(set) var failed: Set<String> = []

    init(position: SourcePosition?) { self.position = position }

    subscript(name: String) -> DecodedValue? { values.first { $0.subject.name == name } }

    mutating func add(_ value: DecodedValue) { values.append(value) }
    mutating func note(key: String, at position: SourcePosition) { if keys[key] == nil { keys[key] = position } }
    mutating func fail(_ name: String) { failed.insert(name) }
}
