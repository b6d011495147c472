import PatchbayAPI
import PatchbayJSON

/// Turns declarations into schemas; mappings with keys of their own become definitions that the others refer to.
struct SchemaBuilder {
    let transformers: TransformerSet
    private(set) var definitions = JSONObject()

    init(transformers: TransformerSet) { self.transformers = transformers }

    /// A reference to a definition, which is made when it is first asked for and comes before those that it needs itself:
    /// that is the order in which people read.
    mutating func define(_ name: String, _ schema: (inout SchemaBuilder) -> JSONObject) -> JSONObject {
        if definitions[name] == nil {
            definitions[name] = .null
            let finished = schema(&self)
            definitions[name] = .object(finished)
        }
        return ["$ref": .string("#/$defs/\(name)")]
    }

    mutating func interpolated() -> JSONObject { define("interpolated") { _ in ScalarSchema.interpolated } }

    // MARK: Mappings

    /// These keys and no others.
    mutating func mapping(_ mapping: DeclaredMapping) -> JSONObject {
        let rules = KeyRules.of(mapping.place)
        let needed = mapping.fields.filter { $0.isNeededInFile && !rules.alternatives.contains($0.name) }
        var properties = JSONObject()
        for field in mapping.fields { properties[field.name] = .object(self.field(field, in: mapping)) }

        // A key with nothing after it is an empty mapping to the loader.
        let mayBeEmpty = needed.isEmpty && rules.alternatives.isEmpty && !mapping.place.isEmpty
        var schema: JSONObject = ["type": mayBeEmpty ? ["object", "null"] : "object", "additionalProperties": false]
        if !needed.isEmpty { schema["required"] = .array(needed.map { .string($0.name) }) }
        schema += Self.schema(of: rules)
        schema["properties"] = .object(properties)
        return schema
    }

    private static func schema(of rules: KeyRules) -> JSONObject {
        func has(_ key: String) -> JSONTree { ["required": [.string(key)]] }
        // An empty list gives as little as none.
        func fills(_ key: String) -> JSONTree {
            ["required": [.string(key)], "properties": [key: ["minItems": 1]]]
        }
        let all: [JSONObject] =
            rules.exactlyOne.map { ["oneOf": .array($0.map(has))] } + rules.atLeastOne.map { ["anyOf": .array($0.map(fills))] }
            + rules.misplaced.map { rule in
                [
                    "if": [
                        "required": [.string(rule.other)],
                        "properties": [rule.other: ["enum": .array(rule.words.map { .string($0) })]],
                    ],
                    "then": ["properties": [rule.key: false]],
                ]
            }
        return all.count == 1 ? all[0] : all.isEmpty ? [:] : ["allOf": .array(all.map { .object($0) })]
    }

    private mutating func field(_ field: Field, in mapping: DeclaredMapping) -> JSONObject {
        let isTransform = mapping.place(of: field) == KeyRules.transformPlace
        var schema = isTransform ? transform() : kind(of: field, in: mapping)
        schema["description"] = .string(Self.description(field))
        schema["default"] = field.defaultInFile.map { JSONTree($0) }
        schema["examples"] = field.exampleTree.map { [$0] }
        return schema
    }

    /// What an editor shows beside the key.
    private static func description(_ field: Field) -> String {
        let range = field.rangeWords.map { "Range: \($0)." }
        let variable = field.environmentVariable.map { "Environment variable: \($0)." }
        let facts = [range, variable].compactMap { $0 }.joined(separator: " ")
        return facts.isEmpty ? field.documentation : "\(field.documentation)\n\n\(facts)"
    }

    // MARK: Kinds

    mutating func kind(of field: Field, in mapping: DeclaredMapping) -> JSONObject {
        kind(field.kind, at: mapping.place(of: field), zero: field.zeroMeaning != nil)
    }

    /// A value of `kind`. Every scalar may also be a text with `${…}` in it: whether that fits only the loader can tell.
    ///
    /// - Parameter place: as in `DeclaredMapping`.
    private mutating func kind(_ kind: FieldKind, at place: String, zero: Bool) -> JSONObject {
        switch kind {
        case .list(let item, let minimumCount):
            return list(of: item, self.kind(item, at: place + "[]", zero: zero), minimumCount)
        case .dictionary(let value):
            return [
                "type": ["object", "null"],
                "additionalProperties": .object(self.kind(value, at: place + ".NAME", zero: zero)),
            ]
        case .object(let fields):
            return define(Self.definitionName(place)) { builder in
                builder.mapping(DeclaredMapping(place: place, fields: fields))
            }
        case .choice(let words):
            return ["anyOf": [["enum": .array(ScalarSchema.words(words))], .object(interpolated())]]
        case .string(let minimumLength):
            let text = ScalarSchema.text(minimumLength)
            return minimumLength > 1 ? ["anyOf": [.object(text), .object(interpolated())]] : text
        case .duration: return define("duration") { _ in ScalarSchema.duration }
        case .size(let range): return ScalarSchema.size(range, zero: zero)
        case .integer(let range): return ScalarSchema.integer(range, zero: zero)
        case .number(let range): return ScalarSchema.number(range, zero: zero)
        case .bool: return ScalarSchema.bool
        case .scalar: return ScalarSchema.scalar
        case .any, .json: return [:]
        }
    }

    /// The loader takes a lone item for a list of one, however many there must be.
    private func list(of kind: FieldKind, _ item: JSONObject, _ minimumCount: Int) -> JSONObject {
        var several: JSONObject = ["type": "array", "items": .object(item)]
        if minimumCount > 0 { several["minItems"] = .integer(Int64(minimumCount)) }
        let either: JSONObject = ["anyOf": [.object(several), .object(item)]]
        // An item may be an empty mapping, written as nothing; instead of the whole list that would be a mistake.
        if case .object = kind { return ["type": ["array", "object"]] + either }
        return either
    }

    /// `routes[].tests[]` is defined as `route.test`, `kafka.clusters.NAME` as `kafka.cluster`.
    private static func definitionName(_ place: String) -> String {
        place.replacing("s[]", with: "").replacing("[]", with: "").replacing("s.NAME", with: "").replacing(".NAME", with: "")
    }
}
