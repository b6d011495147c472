import PatchbayAPI
import PatchbayConfig

extension FieldKind {
    /// A decoded value as it would stand in the file: durations and sizes with their units.
    func inFile(_ value: ConfigValue) -> ConfigValue {
        switch (self, value) {
        case (.duration, .integer(let milliseconds)): .string(Quantity.duration(milliseconds))
        case (.size, .integer(let bytes)): Self.size(bytes)
        case (.list(let kind, _), .list(let items)): .list(items.map(kind.inFile))
        case (.dictionary(let kind), .map(let entries)): .map(entries.mapValues(kind.inFile))
        case (.object(let fields), .map(let entries)): .map(fields.inFile(entries))
        default: value
        }
    }

    /// `Quantity.size` says "500 bytes" of what has no larger unit, which is no size in a file.
    private static func size(_ bytes: Int64) -> ConfigValue {
        bytes == 0 || bytes % 1024 != 0 ? .integer(bytes) : .string(Quantity.size(bytes))
    }
}

extension [Field] {
    /// Decoded values by name, each as it would stand in the file.
    func inFile(_ values: [ByteString: ConfigValue]) -> [ByteString: ConfigValue] {
        var result = values
        for field in self { result[ByteString(field.name)] = values[ByteString(field.name)].map(field.kind.inFile) }
        return result
    }
}

extension Field {
    /// The default as it would stand in the file.
    var defaultInFile: ConfigValue? { defaultValue.map(kind.inFile) }

    /// Whether a file without the key is refused: what the environment may give need not stand there.
    var isNeededInFile: Bool { isRequired && environmentVariable == nil }
}
