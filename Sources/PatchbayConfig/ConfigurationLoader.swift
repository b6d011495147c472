import PatchbayAPI

/// Reads a configuration: files and environment in, settings or findings out. Changes nothing and starts nothing.
///
/// Thread: any; blocks on the file system.
public enum ConfigurationLoader {
    /// - Parameters:
    ///   - path: the file; at most 8 MiB of UTF-8.
    ///   - environment: wins over the file where a field names a variable; a variable set to nothing counts as not set.
    ///   - transformers: what routes may name; names are unique.
    ///   - hidesVariables: whether what comes of `${NAME}` is never shown either, like what comes of `${file:…}`: for those who
    ///     may see findings and differences, but not the environment.
    ///   - collectsOrigins: whether the result says where each setting comes from, which takes time with thousands of routes.
    ///   - checks: know about values that are not the configuration's own.
    public static func load(
        path: String, environment: [String: String], transformers: TransformerSet, hidesVariables: Bool = false,
        collectsOrigins: Bool = true, checks: ConfigurationChecks = .none
    ) -> LoadResult {
        load(
            path: path, environment: environment, transformers: transformers, hidesVariables: hidesVariables,
            collectsOrigins: collectsOrigins, files: .system, checks: checks)
    }

    /// The same for a text in memory; `file` is what positions call it, and what included files are relative to.
    public static func load(
        text: String, file: String, environment: [String: String], transformers: TransformerSet,
        checks: ConfigurationChecks = .none
    ) -> LoadResult {
        load(bytes: Array(text.utf8), file: file, environment: environment, transformers: transformers, checks: checks)
    }

    /// Bytes that a file may have.
    public static let largestFile = YAMLLimits().bytes

    /// The same for bytes in memory in the place of the file at `path`. Since who sends them need not be allowed to read the
    /// machine's files, and findings show lines of files, they only bring in what is below the file's directory and `known`,
    /// and what comes of `${NAME}` is hidden. Checks that compare such a value with another are left out: their answers would tell
    /// the value piece by piece.
    ///
    /// - Parameter known: files that may be read all the same, each for what it is read for now.
    public static func load(
        candidate bytes: [UInt8], path: String, known: KnownFiles, environment: [String: String],
        transformers: TransformerSet, checks: ConfigurationChecks = .none
    ) -> LoadResult {
        load(
            bytes, file: path, environment, transformers, true,
            LoadedFiles(access: .confined(toDirectoryOf: path, and: known)), YAMLLimits(), checks, comparesSecrets: false,
            collectsOrigins: false)
    }

    /// The same for other files than those of the machine.
    package static func load(
        path: String, environment: [String: String], transformers: TransformerSet, hidesVariables: Bool = false,
        collectsOrigins: Bool = true, files access: FileAccess, limits: YAMLLimits = YAMLLimits(), checks: ConfigurationChecks = .none
    ) -> LoadResult {
        let files = LoadedFiles(access: access)
        do {
            let bytes = try files.read(path, limit: limits.bytes)
            return load(
                bytes, file: path, environment, transformers, hidesVariables, files, limits, checks,
                collectsOrigins: collectsOrigins)
        } catch {
            let hint: String? =
                switch error {
                case .notFound: "check the path and the directory you are in"
                case .isDirectory, .notRegular: "give the path of a file such as `routes.yaml`"
                case .notPermitted: "check the file's owner and mode"
                case .tooLarge: "a configuration is text written by people; check that this is the right file"
                case .outside, .secret, .strangePlugin, .other: nil
                }
            let finding = Diagnostic(
                position: nil, message: "can't read \(DisplayText.quoted(path)): \(error.reason)", hint: hint)
            return LoadResult(
                configuration: nil, diagnostics: [finding], origins: [], files: files.paths, known: files.known,
                contentHash: files.contentHash)
        }
    }

    /// The same for bytes in memory.
    package static func load(
        bytes: [UInt8], file: String, environment: [String: String], transformers: TransformerSet,
        hidesVariables: Bool = false, files access: FileAccess = .system, limits: YAMLLimits = YAMLLimits(),
        checks: ConfigurationChecks = .none
    ) -> LoadResult {
        load(bytes, file: file, environment, transformers, hidesVariables, LoadedFiles(access: access), limits, checks)
    }

    private static func load(
        _ bytes: [UInt8], file: String, _ environment: [String: String], _ transformers: TransformerSet,
        _ hidesVariables: Bool, _ files: LoadedFiles, _ limits: YAMLLimits, _ checks: ConfigurationChecks,
        comparesSecrets: Bool = true, collectsOrigins: Bool = true
    ) -> LoadResult {
        let findings = Findings(comparesSecrets: comparesSecrets)
        let source = SourceText(file: file, bytes: bytes)
        func result(_ configuration: RouterConfiguration? = nil, _ origins: [ResolvedSetting] = []) -> LoadResult {
            for file in files.unshown { findings.withhold(file: file) }
            return LoadResult(
                configuration: configuration, diagnostics: findings.sorted(), origins: origins, files: files.paths,
                known: files.known, contentHash: files.contentHash,
                sources: configuration == nil ? FindingSources() : findings.sources)
        }
        guard bytes.count <= limits.bytes else {
            let reason = FileFailure.tooLarge(limit: limits.bytes).reason
            findings.add("can't read \(DisplayText.quoted(file)): \(reason)", at: nil)
            return result()
        }
        let decoder = FieldDecoder(
            environment: environment, files: files, hidesVariables: hidesVariables, findings: findings)
        let root = YAMLComposer.compose(source, limits: limits, findings: findings) { part in
            // Keys and values are checked as far as they go; what needs the whole file has to wait.
            guard let entries = part.entries else { return }
            let fields = ConfigFields.root.filter { field in
                !field.isRequired || entries.contains { $0.key.scalar?.text.hasSameBytes(as: field.name) == true }
            }
            _ = decoder.object(part, fields: fields, subject: nil)
        }
        guard let root, !root.isInvalid, root.isMapping(findings) else { return result() }
        var reader = ConfigurationReader(
            file: file, decoder: decoder, transformers: transformers, files: files, limits: limits, checks: checks,
            collectsOrigins: collectsOrigins, findings: findings)
        guard let (configuration, origins) = reader.read(root), !findings.hasErrors else {
            // Each reader reports why it returns nothing; should one not, the start must still be refused.
            if !findings.hasErrors { findings.add("the configuration is incomplete", at: root.position) }
            return result()
        }
        return result(configuration, origins)
    }
}
