import PatchbayAPI
import PatchbayDelivery
import PatchbayJSON

/// Which names the channels of a message may have.
struct ChannelNames {
    private let plain: [String]
    private let templates: [ChannelTemplate]

    /// - Parameter names: plain names and templates.
    init(_ names: [String]) {
        let parsed = names.map { (try? ChannelTemplate($0)) ?? ChannelTemplate(plain: $0) }
        plain = parsed.filter(\.isPlain).map(\.text)
        templates = parsed.filter { !$0.isPlain }
    }

    /// JSON Schema of the name.
    var schema: JSONTree {
        let meaning = "The channel that the message is on"
        if plain.isEmpty, templates.count == 1, let template = templates.first {
            return [
                "type": "string", "pattern": .string(Self.pattern(template)),
                "description": .string("\(meaning), of the template `\(template.text)`."),
            ]
        }
        var choices: [JSONTree] = templates.map {
            ["type": "string", "pattern": .string(Self.pattern($0)), "description": .string("Of the template `\($0.text)`.")]
        }
        if !plain.isEmpty { choices.insert(["type": "string", "enum": .strings(plain)], at: 0) }
        switch choices.count {
        case 0: return ["type": "string", "description": .string("\(meaning).")]
        case 1: return choices[0].with("description", .string("\(meaning)."))
        default:
            return ["anyOf": .array(choices), "description": .string("\(meaning): one of the names, or one that a template makes.")]
        }
    }

    /// A name that `schema` accepts.
    var example: String {
        if let name = plain.first { return name }
        guard let template = templates.first else { return "" }
        return template.parts.map { if case .literal(let text) = $0 { text } else { "example" } }.joined()
    }

    /// A regular expression, in the part of the language that all its dialects share. `matches` of the template itself
    /// accepts the same names: at least one character for each placeholder.
    private static func pattern(_ template: ChannelTemplate) -> String {
        "^" + template.parts.map { if case .literal(let text) = $0 { escaped(text) } else { ".+" } }.joined() + "$"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if "\\^$.|?*+()[]{}/".unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
