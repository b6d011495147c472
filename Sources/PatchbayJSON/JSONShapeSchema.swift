public import PatchbayAPI

extension JSONShape {
    /// The JSON Schema of a record of this shape after the options that all transformers of shaped records have.
    ///
    /// - Parameters:
    ///   - product: a field that is added.
    ///   - refine: the schema of the objects in a field that other options narrow down, or of another field, by the field's index;
    ///     `nil` for the usual one. What `required`, `optional` and `numbers` make of the field's objects comes with it.
    public func outputSchema(
        _ options: OptionValues, product: ProductField? = nil, refine: (Int, Inner) -> String? = { _, _ in nil }
    ) -> OutputSchema {
        let naming = options.string("naming").flatMap(JSONNaming.init) ?? .asIs
        let kept = options.strings("fields").map { Set($0.compactMap(index(documented:))) }
        // The options have been checked.
        let shape = (try? RecordOptions.shape(options, of: self)) ?? self
        let numbers = try? RecordOptions.numberFields(options, shape: shape, product: product)
        return .schema(
            shape.schema(
                naming, keeping: kept, numbers: numbers?.fields, product: product.map { ($0, numbers?.ofProduct ?? false) }
            ) { index in
                guard let nested = shape.fields[index].nested else { return refine(index, Inner(shape: shape, naming: naming, numbers: 0)) }
                return refine(index, Inner(shape: nested, naming: naming, numbers: numbers?.fields.inner[index] ?? 0))
            })
    }

    /// What options make of the objects in a field.
    public struct Inner {
        let shape: JSONShape
        let naming: JSONNaming
        let numbers: UInt64

        /// - Parameter refine: as in `outputSchema`.
        public func schema(_ refine: (Int) -> String?) -> String {
            var fields = NumberFields(shape)
            fields.outer = numbers
            return shape.schema(naming, numbers: fields, refine: refine)
        }
    }

    /// - Parameter kept: indices of the fields that stay; `nil` when everything stays, unknown members included.
    func schema(
        _ naming: JSONNaming, keeping kept: Set<Int>? = nil, numbers: NumberFields? = nil,
        product: (field: ProductField, hasNumber: Bool)? = nil,
        refine: (Int) -> String? = { _ in nil }
    ) -> String {
        var properties: [String] = []
        var required: [[String]] = []
        func add(_ field: JSONField, _ schema: String, hasNumber: Bool) {
            let names = names(of: field, naming)
            properties += names.map { "\(JSONLiteral.quoted($0)):\(schema)" }
            if field.isRequired { required.append(names.map(JSONLiteral.quoted)) }
            guard hasNumber else { return }
            let number = #"{"type":"number","description":"The amount as a number, for drawing: readers may round it."}"#
            let beside = names.map { $0.hasSameBytes(as: field.snakeName) ? field.snakeNumberName : field.pascalNumberName }
            properties += beside.map { "\(JSONLiteral.quoted($0)):\(number)" }
            if field.isRequired { required.append(beside.map(JSONLiteral.quoted)) }
        }
        for (index, field) in fields.enumerated() where kept?.contains(index) ?? true {
            let inner = numbers?.inner[index] ?? 0
            add(
                field, field.schema(naming, refined: refine(index), numbers: inner),
                hasNumber: (numbers?.outer ?? 0) & (1 << UInt64(index)) != 0)
        }
        if let (product, hasNumber) = product {
            let isThere = fields[product.left].isRequired && fields[product.right].isRequired
            // It is never null: where an amount is missing, it is, too.
            let schema = product.field.with(isRequired: true).schema(naming, refined: nil, numbers: 0)
            add(product.field.with(isRequired: isThere), schema, hasNumber: hasNumber)
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
    ///   - numbers: bits of the fields of nested objects that get a number beside them.
    fileprivate func schema(_ naming: JSONNaming, refined: String?, numbers: UInt64) -> String {
        var schema = refined ?? kind.schema(naming, numbers: numbers)
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
    fileprivate func schema(_ naming: JSONNaming, numbers: UInt64) -> String {
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
        case .object(let shape): JSONShape.Inner(shape: shape, naming: naming, numbers: numbers).schema { _ in nil }
        case .objects(let shape):
            #"{"type":"array","items":"# + JSONShape.Inner(shape: shape, naming: naming, numbers: numbers).schema { _ in nil } + "}"
        }
    }
}
