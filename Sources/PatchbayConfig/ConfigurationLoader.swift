import PatchbayAPI

/// Reads a configuration: file and environment in, settings or findings out. Changes nothing and starts nothing.
///
/// Thread: any; blocks on the file system.
public enum ConfigurationLoader {
    /// - Parameters:
    ///   - path: the file; at most 8 MiB of UTF-8.
    ///   - environment: wins over the file where a field names a variable; a variable set to nothing counts as not set.
    ///   - transformers: what routes may name; names are unique.
    public static func load(
        path: String, environment: [String: String], transformers: [TransformerDefinition]
    ) -> LoadResult {
        do {
            let bytes = try FileReader.read(path, limit: YAMLLimits().bytes)
            return load(bytes: bytes, file: path, environment: environment, transformers: transformers)
        } catch {
            let hint: String? =
                switch error {
                case .notFound: "check the path and the directory you are in"
                case .isDirectory, .notRegular: "give the path of a file such as `routes.yaml`"
                case .notPermitted: "check the file's owner and mode"
                case .tooLarge: "a configuration is text written by people; check that this is the right file"
                case .other: nil
                }
            let finding = Diagnostic(
                position: nil, message: "can't read \(Shown.quoted(path)): \(error.reason)", hint: hint)
            return LoadResult(configuration: nil, diagnostics: [finding], origins: [])
        }
    }

    /// The same for a text in memory; `file` is what positions call it.
    public static func load(
        text: String, file: String, environment: [String: String], transformers: [TransformerDefinition]
    ) -> LoadResult {
        load(bytes: Array(text.utf8), file: file, environment: environment, transformers: transformers)
    }

    /// The same for bytes in memory.
    package static func load(
        bytes: [UInt8], file: String, environment: [String: String], transformers: [TransformerDefinition],
        limits: YAMLLimits = YAMLLimits()
    ) -> LoadResult {
        let findings = Findings()
        let source = SourceText(file: file, bytes: bytes)
        guard bytes.count <= limits.bytes else {
            let reason = FileReader.Failure.tooLarge(limit: limits.bytes).reason
            findings.add("can't read \(Shown.quoted(file)): \(reason)", at: nil)
            return failure(findings)
        }
        guard let root = YAMLComposer.compose(source, limits: limits, findings: findings), !root.isInvalid else {
            return failure(findings)
        }
        guard root.entries != nil else {
            let found = root.items == nil ? "text" : "a list"
            findings.add(
                "the file must be a mapping (`key: value`), found \(found)", at: root.position, hint: "start with `version: 1`")
            return failure(findings)
        }
        return decode(root, environment: environment, transformers: transformers, findings: findings)
    }

    private static func decode(
        _ node: YAMLNode, environment: [String: String], transformers: [TransformerDefinition], findings: Findings
    ) -> LoadResult {
        let decoder = FieldDecoder(environment: environment, findings: findings)
        var fileDecoder = decoder
        fileDecoder.planned = ConfigFields.planned
        let root = fileDecoder.object(node, fields: ConfigFields.root, subject: nil)

        let settingsReader = SettingsReader(findings: findings)
        let server = root["server"]?.object.flatMap(settingsReader.server)
        let kafka = root["kafka"]?.object.flatMap(settingsReader.kafka)
        let routeReader = RouteReader(
            transformReader: TransformReader(transformers: transformers, decoder: decoder, findings: findings),
            findings: findings)
        let routing = routeReader.read(root)

        guard !findings.hasErrors else { return failure(findings) }
        guard let server, let kafka, !routing.routes.isEmpty else {
            // Each reader reports why it returns nothing; should one not, the start must still be refused.
            findings.add("the configuration is incomplete", at: node.position)
            return failure(findings)
        }
        var collector = SettingCollector(decoder: decoder, transforms: routing.transforms)
        collector.collect(root)
        return LoadResult(
            configuration: RouterConfiguration(
                server: server, kafka: kafka, channels: routing.channels, routes: routing.routes),
            diagnostics: findings.sorted(), origins: collector.settings)
    }

    private static func failure(_ findings: Findings) -> LoadResult {
        LoadResult(configuration: nil, diagnostics: findings.sorted(), origins: [])
    }
}
