/// JSON laid out anew; numbers, strings and order as written.
public enum JSONPretty {
    /// For people: one member a line, two spaces a level. `nil` when the text isn't valid JSON.
    public static func text(_ json: String) -> String? { render(json, isCompact: false) }

    /// For programs that read line by line: no white space between the parts. `nil` when the text isn't valid JSON.
    public static func compact(_ json: String) -> String? { render(json, isCompact: true) }

    private static func render(_ json: String, isCompact: Bool) -> String? {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 30))
        var json = json
        let result = json.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { root in
                var text = ""
                append(root, lineBreak: isCompact ? "" : "\n", to: &text)
                return text
            }
        }
        return try? result.get()
    }

    /// - Parameter lineBreak: a line feed with the indentation of this level; nothing for compact text.
    private static func append(_ value: JSONValue, lineBreak: String, to text: inout String) {
        let inner = lineBreak.isEmpty ? "" : lineBreak + "  "
        var separator = inner
        switch value.type {
        case .object:
            text += "{"
            for member in value.members {
                text += "\(separator)\"\(String(decoding: member.nameText, as: UTF8.self))\":\(inner.isEmpty ? "" : " ")"
                append(member.value, lineBreak: inner, to: &text)
                separator = "," + inner
            }
            text += separator == inner ? "}" : lineBreak + "}"
        case .array:
            text += "["
            for element in value.elements {
                text += separator
                append(element, lineBreak: inner, to: &text)
                separator = "," + inner
            }
            text += separator == inner ? "]" : lineBreak + "]"
        case .null, .bool, .number, .string:
            text += String(decoding: value.text, as: UTF8.self)
        }
    }
}
