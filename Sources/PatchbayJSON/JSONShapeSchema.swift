public import PatchbayAPI

extension JSONShape {
    /// The JSON Schema of a record of this shape after the options `naming` and `fields`.
    ///
    /// - Parameter refine: the schema of a field that other options narrow down, by its index; `nil` for the usual one.
    public func outputSchema(_ options: OptionValues, refine: (Int) -> String? = { _ in nil }) -> OutputSchema {
        let naming = options.string("naming").flatMap(JSONNaming.init) ?? .asIs
        let kept = options.strings("fields").map { Set($0.compactMap(index(documented:))) }
        return .schema(schema(naming, keeping: kept, refine: refine))
    }

    /// - Parameter kept: indices of the fields that stay; `nil` when everything stays, unknown members included.
    public func schema(_ naming: JSONNaming, keeping kept: Set<Int>? = nil, refine: (Int) -> String? = { _ in nil }) -> String {
        var properties: [String] = []
        var required: [[String]] = []
        for (index, field) in fields.enumerated() where kept?.contains(index) ?? true {
            let names = names(of: field, naming)
            let schema = field.schema(naming, refined: refine(index))
            properties += names.map { "\(JSONLiteral.quoted($0)):\(schema)" }
            if field.isRequired { required.append(names.map(JSONLiteral.quoted)) }
        }
        var parts = ["\"type\":\"object\"", "\"properties\":{\(properties.joined(separator: ","))}"]
        let always = required.filter { $0.count == 1 }.joined()
        if !always.isEmpty { parts.append("\"required\":[\(always.joined(separator: ","))]") }
        // Either spelling will do, but one of them is there.
        let either = required.filter { $0.count > 1 }.map { names in
            "{\"anyOf\":[\(names.map { "{\"required\":[\($0)]}" }.joined(separator: ","))]}"
        }
        if !either.isEmpty { parts.append("\"allOf\":[\(either.joined(separator: ","))]") }
        if kept != nil { parts.append("\"additionalProperties\":false") }
        return "{\(parts.joined(separator: ","))}"
    }

    /// How the field may be written in the output; the documented spelling first.
    private func names(of field: JSONField, _ naming: JSONNaming) -> [String] {
        switch naming {
        case .pascalCase: return [field.pascalName]
        case .snakeCase: return [field.snakeName]
        case .asIs:
            let first = documentedName(field)
            return [first] + [field.pascalName, field.snakeName].filter { $0 != first }.prefix(1)
        }
    }
}

extension JSONField {
    /// - Parameters:
    ///   - naming: of the fields of nested objects.
    ///   - refined: the schema of the value when options narrow it down.
    fileprivate func schema(_ naming: JSONNaming, refined: String?) -> String {
        var schema = refined ?? kind.schema(naming)
        if !isRequired { schema = "{\"anyOf\":[\(schema),{\"type\":\"null\"}]}" }
        let description = [meaning, kind.note].filter { !$0.isEmpty }.joined(separator: " ")
        guard !description.isEmpty else { return schema }
        let comma = schema == "{}" ? "" : ","
        return "\(schema.dropLast())\(comma)\"description\":\(JSONLiteral.quoted(description))}"
    }
}

extension JSONKind {
    /// What is worth knowing of every value of this kind.
    fileprivate var note: String {
        switch self {
        case .decimal, .signedDecimal: "An exact amount, as text so that no digit gets lost."
        case .timestamp: "ISO 8601."
        default: ""
        }
    }

    /// The JSON Schema of a value of this kind. The words are those of the checks in `JSONShape`.
    fileprivate func schema(_ naming: JSONNaming) -> String {
        switch self {
        case .any: "{}"
        case .string: #"{"type":"string"}"#
        case .text: #"{"type":"string","minLength":1}"#
        case .decimal: #"{"type":"string","pattern":"^[0-9]+(\\.[0-9]+)?$"}"#
        case .signedDecimal: #"{"type":"string","pattern":"^-?[0-9]+(\\.[0-9]+)?$"}"#
        case .timestamp: #"{"type":"string","format":"date-time"}"#
        case .bool: #"{"type":"boolean"}"#
        case .count: #"{"type":"integer","minimum":0}"#
        case .number: #"{"type":"number"}"#
        case .choice(let words): #"{"type":"string","enum":["# + words.map(JSONLiteral.quoted).joined(separator: ",") + "]}"
        case .object(let shape): shape.schema(naming)
        case .objects(let shape): #"{"type":"array","items":"# + shape.schema(naming) + "}"
        }
    }
}
