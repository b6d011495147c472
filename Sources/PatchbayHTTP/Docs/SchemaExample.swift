import PatchbayAPI
import PatchbayDelivery
import PatchbayJSON

/// Makes a value that fits a JSON Schema, for messages of which no real example is at hand. Knows the words that
/// transformers' own schemas are made of; of others it makes something all the same.
enum SchemaExample {
    /// Levels of nesting looked into.
    private static let maximumDepth = 16

    /// JSON text; `nil` when `schema` isn't JSON.
    static func text(for schema: String) -> String? {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 16 << 20))
        var schema = schema
        let result = schema.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { example(of: $0, depth: 0) }
        }
        return try? result.get()
    }

    private static func example(of schema: JSONValue, depth: Int) -> String {
        guard depth < maximumDepth else { return "null" }
        let words = members(schema)
        if let value = words["const"] ?? words["enum"].flatMap({ first($0) }) { return text(value) }
        if let choice = (words["anyOf"] ?? words["oneOf"]).flatMap({ first($0) }) { return example(of: choice, depth: depth + 1) }
        switch words["type"]?.stringValue {
        case "object":
            var properties: [String] = []
            if let all = words["properties"], all.type == .object {
                for member in all.members {
                    properties.append(
                        JSONLiteral.quoted(member.nameString) + ":" + example(of: member.value, depth: depth + 1))
                }
            }
            return "{\(properties.joined(separator: ","))}"
        case "array": return words["items"].map { "[\(example(of: $0, depth: depth + 1))]" } ?? "[]"
        case "string" where words["format"]?.stringValue == "date-time": return "\"2026-01-31T12:00:00Z\""
        case "string" where words["pattern"] != nil: return "\"1250.75\""
        case "integer": return words["minimum"].map(text) ?? "1"
        case "number": return "1.5"
        case "boolean": return "true"
        case "null": return "null"
        default: return "\"text\""
        }
    }

    private static func members(_ value: JSONValue) -> [ByteString: JSONValue] {
        guard value.type == .object else { return [:] }
        var all: [ByteString: JSONValue] = [:]
        for member in value.members { all[ByteString(member.nameString)] = member.value }
        return all
    }

    private static func first(_ value: JSONValue) -> JSONValue? {
        guard value.type == .array else { return nil }
        for element in value.elements { return element }
        return nil
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.text, as: UTF8.self) }
}
