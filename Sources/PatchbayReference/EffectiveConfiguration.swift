public import PatchbayAPI
public import PatchbayConfig
import PatchbayJSON

/// Every setting in effect with where it comes from: what `patchbay config show` prints.
///
/// Values are shown as they would stand in the file, durations and sizes with their units; secrets as `***`.
public enum EffectiveConfiguration {
    static let masked = "***"

    /// YAML in the shape of the file, with the origin of each value in a comment: file, line and column, the name of an
    /// environment variable, or `default`.
    ///
    /// - Parameter transformers: what options are declared, for names with dots and for units in them.
    public static func yaml(_ origins: [ResolvedSetting], transformers: TransformerSet = TransformerSet()) -> String {
        let root = SettingNode()
        for setting in origins {
            let path = SettingPath(setting.path, transformers: transformers)
            root.insert(setting, kind: path.kind, at: path.components[...])
        }
        let lines = root.lines()
        let column = lines.filter { $0.origin != nil }.map(\.text.unicodeScalars.count).filter { $0 <= widest }.max() ?? 0
        return lines.map { line in
            guard let origin = line.origin else { return line.text + "\n" }
            let padding = String(repeating: " ", count: max(0, column - line.text.unicodeScalars.count))
            return "\(line.text)\(padding)  # \(origin)\n"
        }.joined()
    }

    /// A list with one object per line: `path`, `value`, `origin` and, for a secret, `secret`.
    ///
    /// - Parameter transformers: what options are declared, for units in them.
    public static func json(_ origins: [ResolvedSetting], transformers: TransformerSet = TransformerSet()) -> String {
        guard !origins.isEmpty else { return "[]\n" }
        return "[\n" + origins.map { "  " + json($0, transformers).text(.line, quoted: PrintableText.quoted) }.joined(separator: ",\n")
            + "\n]\n"
    }

    /// Longer lines don't move the comments of all others to the right.
    private static let widest = 60

    private static func json(_ setting: ResolvedSetting, _ transformers: TransformerSet) -> JSONTree {
        let kind = SettingPath(setting.path, transformers: transformers).kind
        var object: JSONObject = [
            "path": .string(setting.path),
            "value": JSONTree(setting.shownValue(kind)),
            "origin": origin(setting.origin),
        ]
        if setting.value == nil { object["secret"] = true }
        return .object(object)
    }

    private static func origin(_ origin: ValueOrigin) -> JSONTree {
        switch origin {
        case .defaultValue: ["kind": "default"]
        case .environment(let variable): ["kind": "environment", "variable": .string(variable)]
        case .file(let position):
            [
                "kind": "file", "file": .string(position.file), "line": .integer(Int64(position.line)),
                "column": .integer(Int64(position.column)),
            ]
        }
    }
}

extension ResolvedSetting {
    /// As it would stand in the file; a mask for a secret.
    func shownValue(_ kind: FieldKind?) -> ConfigValue {
        guard let value else { return .string(EffectiveConfiguration.masked) }
        return kind?.inFile(value) ?? value
    }
}

extension ValueOrigin {
    /// As a comment says it.
    var words: String {
        switch self {
        case .defaultValue: "default"
        case .environment(let variable): PrintableText.line(variable)
        case .file(let position): PrintableText.line("\(position.file):\(position.line):\(position.column)")
        }
    }
}
