public import PatchbayAPI

/// One transformer of a route's chain.
public struct TransformStep: Sendable {
    public let transformer: String
    /// Which one of that name; `nil` for those that ship.
    public let revision: String?
    /// Checked, defaults filled in.
    public let options: OptionValues
    /// Options whose values must not be shown.
    public let secretOptions: Set<String>
    /// Whether the transformer's name must not be shown.
    package var hasSecretName = false
    /// Whether tombstones come to it.
    package var takesTombstones = false
    /// What its instances keep from record to record.
    package var memory = TransformerMemory.none
    /// Where it comes from, when a plugin does its work.
    package var plugin: PluginOrigin?
    /// Makes an instance: one per route and consumer thread.
    public let factory: @Sendable () -> any Transformer
    public let position: SourcePosition

    package init(
        transformer: String, revision: String? = nil, options: OptionValues, secretOptions: Set<String> = [],
        factory: @escaping @Sendable () -> any Transformer, position: SourcePosition
    ) {
        self.transformer = transformer
        self.revision = revision
        self.options = options
        self.secretOptions = secretOptions
        self.factory = factory
        self.position = position
    }
}

extension TransformStep {
    /// The transformer's name, unless it must not be shown.
    package var shownTransformer: String { hasSecretName ? SecretMask.text : transformer }

    /// What makes two steps do the same.
    struct Identity: Equatable {
        let transformer: ByteString
        let revision: String?
        let options: OptionValues
    }

    var identity: Identity { Identity(transformer: ByteString(transformer), revision: revision, options: options) }

    /// The value of an option in words, masked when it is secret; `nil` when it isn't set.
    public func shownOption(_ name: String) -> String? {
        guard let value = options.all[name] else { return nil }
        return secretOptions.contains(name) ? SecretMask.text : value.described
    }

    /// Its name, with the options that are set; secrets are masked.
    var described: String {
        // Its defaults would tell which one it is.
        if hasSecretName { return SecretMask.text }
        let options = options.all.sorted { $0.key < $1.key }.map { name, value in
            "\(name): \(secretOptions.contains(name) ? SecretMask.text : value.described)"
        }
        let name = revision.map { "\(transformer)@\($0)" } ?? transformer
        return options.isEmpty ? name : "\(name)(\(options.joined(separator: ", ")))"
    }
}

extension ConfigValue {
    /// As a line of YAML would have it, more or less.
    fileprivate var described: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value), .json(let value): value
        case .list(let items): "[\(items.map(\.described).joined(separator: ", "))]"
        case .map(let entries):
            "{\(entries.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.described)" }.joined(separator: ", "))}"
        }
    }
}
