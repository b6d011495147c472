import PatchbayAPI

extension FieldDecoder {
    /// What an option's value is to a transformer.
    func plain(_ value: DecodedValue) -> ConfigValue {
        switch value.content {
        case .value(let value): value
        case .list(let items): .list(items.map(plain))
        case .object(let object):
            .map(Dictionary(object.values.map { (ByteString($0.subject.name), plain($0)) }) { first, _ in first })
        case .dictionary(let entries): .map(Dictionary(entries.map { (ByteString($0.name), plain($0.value)) }) { first, _ in first })
        case .tree(let node): plain(node, subject: value.subject)
        }
    }

    /// A tree as YAML types it, with `${…}` replaced in its scalars.
    private func plain(_ node: YAMLNode, subject: Subject) -> ConfigValue {
        switch node.content {
        case .invalid: return .null
        case .sequence(let items): return .list(items.map { plain($0, subject: subject) })
        case .mapping(let entries):
            return .map(
                Dictionary(
                    entries.compactMap { entry in entry.key.scalar.map { (ByteString($0.text), plain(entry.value, subject: subject)) } }
                ) { first, _ in first })
        case .scalar(let scalar):
            guard let resolved = interpolated(scalar, subject, node.position) else { return .null }
            guard scalar.style == .plain, !resolved.isReplaced || !resolved.text.isEmpty else { return .string(resolved.text) }
            switch ScalarType(plain: resolved.text) {
            case .null: return .null
            case .bool(let value): return .bool(value)
            case .integer(let value?): return .integer(value)
            case .number(let value): return .number(value)
            case .integer(nil): return Double(resolved.text).map { .number($0) } ?? .string(resolved.text)
            case .text: return .string(resolved.text)
            }
        }
    }
}
