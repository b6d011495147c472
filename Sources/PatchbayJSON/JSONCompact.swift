/// JSON for programs that read line by line: no white space between its parts; numbers, strings and order as written.
public enum JSONCompact {
    /// `nil` when the text isn't valid JSON.
    public static func text(_ json: String) -> String? {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 30))
        var json = json
        let result = json.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { root in
                var text = ""
                append(root, to: &text)
                return text
            }
        }
        return try? result.get()
    }

    private static func append(_ value: JSONValue, to text: inout String) {
        var separator = ""
        switch value.type {
        case .object:
            text += "{"
            for member in value.members {
                text += "\(separator)\"\(String(decoding: member.nameText, as: UTF8.self))\":"
                append(member.value, to: &text)
                separator = ","
            }
            text += "}"
        case .array:
            text += "["
            for element in value.elements {
                text += separator
                append(element, to: &text)
                separator = ","
            }
            text += "]"
        case .null, .bool, .number, .string:
            text += String(decoding: value.text, as: UTF8.self)
        }
    }
}
