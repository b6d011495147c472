/// JSON laid out again; numbers, strings and order as written.
public enum JSONPretty {
    /// Levels of nesting that are laid out: what operators look at, not what a transformer has to take.
    private static let maximumDepth = 1024

    /// For people: one member a line, two spaces a level. `nil` when the text isn't valid JSON.
    public static func text(_ json: String) -> String? { render(json, isCompact: false) }

    /// For programs that read line by line: no white space between the parts. `nil` when the text isn't valid JSON.
    public static func compact(_ json: String) -> String? { render(json, isCompact: true) }

    /// On one line: the white space between the parts taken out if there are line breaks among it, however deep the text is
    /// nested and whatever it holds. Text without line breaks is left as it is.
    public static func oneLine(_ json: String) -> String {
        guard json.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return json }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.utf8.count)
        var isString = false
        var isEscaped = false
        for byte in json.utf8 {
            if isString {
                // Valid JSON has no line breaks here; of anything else one line is made all the same.
                bytes.append(byte == 0x0A || byte == 0x0D ? 0x20 : byte)
                if isEscaped { isEscaped = false } else if byte == 0x5C { isEscaped = true } else { isString = byte != 0x22 }
                continue
            }
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: continue
            case 0x22: isString = true
            default: break
            }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func render(_ json: String, isCompact: Bool) -> String? {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 30, maximumDepth: maximumDepth))
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
