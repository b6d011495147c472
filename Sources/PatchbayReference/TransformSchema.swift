import PatchbayAPI
import PatchbayConfig
import PatchbayJSON

extension SchemaBuilder {
    /// A transformer, one with options, or a chain of them.
    mutating func transform() -> JSONObject {
        define("transform") { builder in
            let step = JSONTree.object(builder.step())
            let longest = JSONTree.integer(Int64(TransformReader.longestChain))
            return ["anyOf": [step, ["type": "array", "items": step, "minItems": 1, "maxItems": longest]]]
        }
    }

    private mutating func step() -> JSONObject {
        define("step") { builder in
            var forms: [JSONTree] = []
            // A name alone is a mistake where options are needed.
            let names = builder.transformers.definitions.filter { !$0.options.contains(where: \.isNeededInFile) }.map { definition in
                ["const": .string(definition.name), "description": .string(definition.summary)] as JSONTree
            }
            if !names.isEmpty { forms.append(["oneOf": .array(names)]) }
            forms.append(.object(builder.interpolated()))
            forms.append(.object(builder.stepWithOptions()))
            return ["anyOf": .array(forms)]
        }
    }

    /// One name, and below it the options.
    private mutating func stepWithOptions() -> JSONObject {
        var properties = JSONObject()
        for definition in transformers.definitions {
            let options = define("transformer.\(definition.name)") { builder in
                ["description": .string(definition.summary)] + builder.options(definition)
            }
            properties[definition.name] = .object(options)
        }
        return [
            "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            "properties": .object(properties),
        ]
    }

    /// By name, or the value of the option that a bare value stands for, unless others are needed too.
    private mutating func options(_ definition: TransformerDefinition) -> JSONObject {
        let options = DeclaredMapping(place: "transformer.\(definition.name)", fields: definition.options)
        let named = mapping(options)
        guard let bare = definition.options.first(where: { $0.name == definition.shorthand }),
            definition.options.allSatisfy({ $0.name == bare.name || !$0.isNeededInFile })
        else { return named }
        return ["anyOf": [.object(named), .object(kind(of: bare, in: options))]]
    }
}
