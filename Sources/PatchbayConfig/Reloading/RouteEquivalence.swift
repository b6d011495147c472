import PatchbayAPI

extension RouteSettings {
    /// Whether a running route need not be touched; its tests and its place in the file don't matter.
    public func isEquivalent(to other: RouteSettings) -> Bool { Self.aspects.allSatisfy { $0.isSame(self, other) } }

    /// One thing that two routes may differ in.
    struct Aspect: Sendable {
        /// As a difference calls it.
        let name: String
        let isSame: @Sendable (RouteSettings, RouteSettings) -> Bool
        /// In words, without secrets.
        let describe: @Sendable (RouteSettings) -> String

        init<Value: Equatable & SendableMetatype>(
            _ name: String, secrets: [String] = [], _ value: @escaping @Sendable (RouteSettings) -> Value,
            _ describe: @escaping @Sendable (RouteSettings) -> String
        ) {
            self.name = name
            // By value: two lists may read alike when they are written out.
            // And never as a `String`: canonically equal names are different ones.
            isSame = { value($0) == value($1) }
            self.describe = { $0.secrets.isDisjoint(with: secrets) ? describe($0) : SecretMask.text }
        }
    }

    /// Whether anything about it came out of a secret file, or of a variable that the load hides: what the route makes of
    /// records would tell it.
    public var holdsSecrets: Bool { !secrets.isEmpty || steps.contains { !$0.secretOptions.isEmpty || $0.hasSecretName } }

    /// Its name, masked when it came out of a secret file.
    public var shownName: String {
        // Without a name of its own it has its topics'.
        secrets.isDisjoint(with: ["name", "topic", "topics"]) ? name : SecretMask.text
    }

    /// What it takes, masked when it came out of a secret file.
    public var shownTopics: String {
        secrets.isDisjoint(with: ["topic", "topics"]) ? topics.map(\.text).joined(separator: ", ") : SecretMask.text
    }

    /// The topic of its dead letters, masked when it came out of a secret file; `nil` without one.
    public var shownDeadLetterTopic: String? {
        guard case .deadLetter(let topic) = onError else { return nil }
        return secrets.contains("dead_letter") ? SecretMask.text : topic
    }

    static let aspects = [
        Aspect("enabled", secrets: ["enabled"], \.isEnabled) { "\($0.isEnabled)" },
        Aspect("cluster", secrets: ["cluster"], { ByteString($0.cluster) }) { $0.cluster },
        Aspect("topics", secrets: ["topic", "topics"], \.topics) { $0.shownTopics },
        Aspect("transform", { $0.steps.map(\.identity) }) { $0.steps.map(\.described).joined(separator: " → ") },
        Aspect("type", secrets: ["type"], { ByteString($0.type) }) { $0.type },
        Aspect("channels", secrets: ["channel", "channels"], \.channels) { $0.channels.map(\.text).joined(separator: ", ") },
        Aspect("max_channels", secrets: ["max_channels"], \.maxChannels) { "\($0.maxChannels)" },
        Aspect("channel_idle", secrets: ["channel_idle"], \.channelIdle) { "\($0.channelIdle)" },
        Aspect("buffer of its templates", secrets: ["buffer"], \.templateBuffer) { "\($0.templateBuffer)" },
        Aspect("on_error", secrets: ["on_error", "dead_letter"], \.onError) { $0.onError.described },
    ]
}

/// What stands for a value that must not be shown.
enum SecretMask {
    static let text = "***"
}

extension TransformStep {
    /// What makes two steps do the same.
    fileprivate struct Identity: Equatable {
        let transformer: ByteString
        let options: OptionValues
    }

    fileprivate var identity: Identity { Identity(transformer: ByteString(transformer), options: options) }

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
        return options.isEmpty ? transformer : "\(transformer)(\(options.joined(separator: ", ")))"
    }
}

extension ErrorPolicy {
    fileprivate var described: String {
        switch self {
        case .skip: "skip"
        case .stop: "stop"
        case .deadLetter(let topic): "dead_letter to \(topic)"
        }
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
        case .string(let value): value
        case .list(let items): "[\(items.map(\.described).joined(separator: ", "))]"
        case .map(let entries):
            "{\(entries.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.described)" }.joined(separator: ", "))}"
        }
    }
}
