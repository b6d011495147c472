import PatchbayAPI

/// Flattens checked files into settings with their origins. What a route, a cluster or a listed channel inherits is listed
/// with it, with the origin of what it comes from.
struct SettingCollector {
    private let decoder: FieldDecoder
    private let chains: [String: [TransformReader.Step]]
    private let defaults: DecodedObject?
    private let kafka: DecodedObject?
    private(set) var settings: [ResolvedSetting] = []

    /// - Parameter root: the top level of the main file.
    init(decoder: FieldDecoder, chains: [String: [TransformReader.Step]], root: DecodedObject) {
        self.decoder = decoder
        self.chains = chains
        defaults = root["defaults"]?.object
        kafka = root["kafka"]?.object
    }

    mutating func collect(_ file: DecodedObject, isIncluded: Bool) {
        for value in file.values {
            switch value.subject.path {
            case "version" where isIncluded, "include" where isIncluded: break
            case "routes": value.items.forEach { route($0) }
            case "channels": value.entries.forEach { entry($0.value, inherits: ["buffer"], from: defaults) }
            default: collect(value)
            }
        }
    }

    private mutating func route(_ value: DecodedValue) {
        guard let route = value.object else { return }
        // Tests are no settings.
        for value in route.values where value.subject.name != "tests" { collect(value) }
        let policy = (route["on_error"] ?? defaults?["on_error"])?.string
        let names = (route["channel"]?.items ?? []) + (route["channels"]?.items ?? [])
        let hasTemplates = names.contains { $0.string?.utf8.contains(0x7B) == true }
        inherit(
            ["on_error", "tombstones"] + (policy == "dead_letter" ? ["dead_letter"] : [])
                + (hasTemplates ? ["max_channels", "channel_idle"] : []),
            of: route, at: value.subject.path, from: defaults)
    }

    private mutating func entry(_ value: DecodedValue, inherits names: [String], from parent: DecodedObject?) {
        collect(value)
        guard let object = value.object else { return }
        inherit(names, of: object, at: value.subject.path, from: parent)
    }

    private mutating func inherit(_ names: [String], of object: DecodedObject, at path: String, from parent: DecodedObject?) {
        for name in names where object[name] == nil {
            guard let value = parent?[name] else { continue }
            collect(value.inherited(by: Subject(name: name, path: "\(path).\(name)")))
        }
    }

    private mutating func collect(_ value: DecodedValue) {
        switch value.content {
        case .object(let object): for value in object.values { collect(value) }
        case .dictionary(let entries) where value.subject.path == "kafka.clusters":
            entries.forEach { entry($0.value, inherits: KafkaSettings.cluster.inherited, from: kafka) }
        case .dictionary(let entries): entries.forEach { collect($0.value) }
        case .list(let items) where items.contains { $0.object != nil }: items.forEach { collect($0) }
        case .tree:
            guard let chain = chains[value.subject.path] else { return add(value, decoder.plain(value)) }
            for step in chain {
                settings.append(
                    ResolvedSetting(
                        path: step.path, value: value.isSecret && step.checked.values.isEmpty ? nil : .string(step.definition.name),
                        origin: .file(step.settings.position)))
                for option in step.checked.values { collect(option) }
            }
        case .value, .list: add(value, decoder.plain(value))
        }
    }

    private mutating func add(_ value: DecodedValue, _ plain: ConfigValue) {
        settings.append(
            ResolvedSetting(
                path: value.subject.path, value: value.isSecret ? nil : plain, origin: value.source.origin))
    }
}
