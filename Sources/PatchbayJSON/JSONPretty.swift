/// JSON for people: one member a line, two spaces a level; numbers, strings and order as written.
public enum JSONPretty {
    /// `nil` when the text isn't valid JSON.
    public static func text(_ json: String) -> String? {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 30))
        var json = json
        let result = json.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { root in
                var text = ""
                append(root, indent: "", to: &text)
                return text
            }
        }
        return try? result.get()
    }

    private static func append(_ value: JSONValue, indent: String, to text: inout String) {
        let inner = indent + "  "
        switch value.type {
        case .object:
            var isEmpty = true
            text += "{"
            for member in value.members {
                text += isEmpty ? "\n\(inner)" : ",\n\(inner)"
                isEmpty = false
                text += "\"\(String(decoding: member.nameText, as: UTF8.self))\": "
                append(member.value, indent: inner, to: &text)
            }
            text += isEmpty ? "}" : "\n\(indent)}"
        case .array:
            var isEmpty = true
            text += "["
            for element in value.elements {
                text += isEmpty ? "\n\(inner)" : ",\n\(inner)"
                isEmpty = false
                append(element, indent: inner, to: &text)
            }
            text += isEmpty ? "]" : "\n\(indent)]"
        case .null, .bool, .number, .string:
            text += String(decoding: value.text, as: UTF8.self)
        }
    }
}
