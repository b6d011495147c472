import PatchbayAPI

/// What a JSON Schema says of a field, as far as channel names are concerned.
public enum SchemaField {
    /// What is wrong with naming a channel after the field at `path`; `nil` when nothing is, or the schema leaves it open.
    ///
    /// - Parameter schema: as transformers make them: `type`, `properties`, `additionalProperties`, and `anyOf` for what
    ///   may be null.
    public static func problem(schema: String, path: FieldPath) -> (problem: String, hint: String)? {
        var parser = JSONParser(limits: .records)
        var schema = schema
        let result = schema.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { problem($0, path) }
        }
        return (try? result.get()) ?? nil
    }

    private static func problem(_ root: JSONValue, _ path: FieldPath) -> (problem: String, hint: String)? {
        var value = root
        var steps: [FieldPath.Step] = []
        var walked: String { FieldPath.text(of: steps) }
        for step in path.steps {
            guard let schema = single(value) else { return nil }
            guard case .name(let name) = step else {
                if let type = schema["type"]?.stringValue, type != "array" {
                    let whose = steps.isEmpty ? "the output of the transformers" : "`\(walked)`"
                    return ("\(whose) is \(phrase(type)), which has no elements", "name a field of the output")
                }
                guard let items = schema["items"] else { return nil }
                steps.append(step)
                value = items
                continue
            }
            if let type = schema["type"]?.stringValue, type != "object" {
                return (
                    "`\(walked)` is \(phrase(type)), which has no field `\(name)`", "name a field of the output"
                )
            }
            guard let properties = schema["properties"] else { return nil }
            guard let property = properties[name] else {
                guard schema["additionalProperties"]?.bool == false else { return nil }
                let names = properties.members.map(\.nameString)
                let whose = steps.isEmpty ? "the output of the transformers" : "`\(walked)`"
                return ("there is no `\(name)` in \(whose)", Suggestion.sentence(for: name, among: names))
            }
            steps.append(step)
            value = property
        }
        guard let schema = single(value), let type = schema["type"]?.stringValue, type == "object" || type == "array" else { return nil }
        return ("`\(walked)` is \(phrase(type))", "name a field that is text, a number or a boolean")
    }

    /// The schema itself, or the one alternative that isn't null; `nil` when there are several.
    private static func single(_ schema: JSONValue) -> JSONValue? {
        guard let choices = schema["anyOf"] else { return schema }
        let others = choices.elements.filter { $0["type"]?.isString("null") != true }
        return others.count == 1 ? others[0] : nil
    }

    private static func phrase(_ type: String) -> String {
        switch type {
        case "object": "an object"
        case "array": "a list"
        case "string": "a text"
        default: "a \(type)"
        }
    }
}
