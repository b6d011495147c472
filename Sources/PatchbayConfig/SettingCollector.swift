import PatchbayAPI

/// Flattens a checked file into settings with their origins.
struct SettingCollector {
    let decoder: FieldDecoder
    let transforms: [String: TransformReader.Transform]
    private(set) var settings: [ResolvedSetting] = []

    init(decoder: FieldDecoder, transforms: [String: TransformReader.Transform]) {
        self.decoder = decoder
        self.transforms = transforms
    }

    mutating func collect(_ object: DecodedObject) {
        for value in object.values { collect(value) }
    }

    private mutating func collect(_ value: DecodedValue) {
        switch value.content {
        case .object(let object): collect(object)
        case .dictionary(let entries): entries.forEach { collect($0.value) }
        case .list(let items) where items.contains { $0.object != nil }: items.forEach { collect($0) }
        case .tree:
            guard let transform = transforms[value.subject.path] else { return add(value, decoder.plain(value)) }
            add(value, .string(transform.definition.name))
            collect(transform.checked)
        case .value, .list: add(value, decoder.plain(value))
        }
    }

    private mutating func add(_ value: DecodedValue, _ plain: ConfigValue) {
        settings.append(
            ResolvedSetting(
                path: value.subject.path, value: isSecret(value) ? nil : plain, origin: value.source.origin))
    }

    private func isSecret(_ value: DecodedValue) -> Bool {
        value.subject.isSecret || value.items.contains(where: isSecret)
    }
}
