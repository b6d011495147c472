import PatchbayAPI
import PatchbayConfig
import PatchbayJSON

extension Field {
    /// What the example gives the key; `nil` when there is no example, or when it is no YAML.
    var exampleTree: JSONTree? {
        guard let text = exampleInFile else { return nil }
        let source = SourceText(file: "example", bytes: Array(text.utf8))
        let root = YAMLComposer.compose(source, limits: YAMLLimits(), findings: Findings())
        return root?.entries?.first { $0.key.scalar?.text == name }.map { JSONTree($0.value) }
    }
}

extension JSONTree {
    /// As YAML types it; `${…}` stays as it is written.
    fileprivate init(_ node: YAMLNode) {
        switch node.content {
        case .invalid: self = .null
        case .sequence(let items): self = .array(items.map { JSONTree($0) })
        case .mapping(let entries):
            var object = JSONObject()
            for entry in entries { object[entry.key.scalar?.text ?? ""] = JSONTree(entry.value) }
            self = .object(object)
        case .scalar(let scalar):
            switch scalar.type {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .integer(let value?): self = .integer(value)
            case .number(let value) where value.isFinite: self = .number(value)
            case .integer, .number, .text: self = .string(scalar.text)
            }
        }
    }
}
