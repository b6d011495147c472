import PatchbayAPI
import PatchbayConfig
import PatchbayJSON
import PatchbayKafka
import PatchbayPlugins

/// What loading routes.yaml came to, librdkafka's word on its own properties included.
package struct LoadedConfiguration: Sendable {
    /// `nil` when a finding is an error.
    package let configuration: RouterConfiguration?
    package let findings: [Diagnostic]
    /// Every file read or looked for.
    let files: [String]
    /// The same by what they are read for.
    let known: KnownFiles
    /// Empty unless asked for.
    package let origins: [ResolvedSetting]
    /// For what is found later, with the brokers' help.
    package let sources: FindingSources
    /// The same for the same contents of all files.
    let contentHash: Int

    private init(_ other: LoadedConfiguration, findings: [Diagnostic]) {
        configuration = other.configuration
        self.findings = findings
        files = other.files
        known = other.known
        origins = other.origins
        sources = other.sources
        contentHash = other.contentHash
    }

    func with(findings: [Diagnostic]) -> LoadedConfiguration { LoadedConfiguration(self, findings: findings) }

    init(_ result: LoadResult) {
        configuration = result.configuration
        findings = result.diagnostics
        files = result.files
        known = result.known
        origins = result.origins
        sources = result.sources
        contentHash = result.contentHash
    }
}

/// A text that might become routes.yaml.
struct Candidate: Sendable {
    var bytes: [UInt8]
    /// Files that are in use now.
    var known: KnownFiles
}

/// Loads routes.yaml.
package enum ConfigurationFile {
    /// Loads and checks; prints nothing.
    ///
    /// - Parameter hidesVariables: whether values of `${NAME}` are never shown: for a server, which shows findings and differences
    ///   to anyone who reaches its ports.
    package static func read(
        _ path: String, environment: [String: String], transformers: TransformerSet,
        hidesVariables: Bool = false, collectsOrigins: Bool = false
    ) -> LoadedConfiguration {
        LoadedConfiguration(
            ConfigurationLoader.load(
                path: path, environment: environment, transformers: transformers, hidesVariables: hidesVariables,
                collectsOrigins: collectsOrigins, checks: checks))
    }

    /// The same for another text in the place of the file: what it includes is relative to the file. Its own findings are
    /// placed in `candidate`, since the lines are not the file's.
    static func read(
        _ candidate: Candidate, insteadOf path: String, environment: [String: String], transformers: TransformerSet
    ) -> LoadedConfiguration {
        let loaded = LoadedConfiguration(
            ConfigurationLoader.load(
                candidate: candidate.bytes, path: path, known: candidate.known, environment: environment,
                transformers: transformers, checks: candidateChecks))
        return loaded.with(findings: loaded.findings.map { $0.moved(from: path, to: "candidate") })
    }

    /// What librdkafka, the sender of alerts and the loader of plugins think of what is for them.
    static let checks: ConfigurationChecks = {
        var checks = values
        checks.placeholder = { SchemaField.problem(schema: $0, path: $1) }
        checks.largestPlugin = PluginLoader.largest
        checks.plugin = { content, name, isolation in
            do throws(PluginFailure) {
                let plugin =
                    switch isolation?.kind {
                    case nil: try PluginLoader.load(content, name: name)
                    case .process: try PluginLoader.load(content, name: name, isolation: isolation.map(PluginIsolation.init))
                    case .webAssembly: try PluginLoader.load(content, name: name, limits: isolation.map(WasmLimits.init) ?? .usual)
                    }
                return .success(ConfigurationChecks.Plugin(revision: plugin.revision, definitions: plugin.definitions))
            } catch {
                return .failure(ConfigurationChecks.PluginProblem(problem: error.problem, hint: error.hint))
            }
        }
        return checks
    }()

    private static let values = ConfigurationChecks(
        properties: { properties in
            KafkaProperties.validate(properties).map {
                ConfigurationChecks.PropertyProblem(index: $0.index, isUnknownName: $0.isUnknownName, message: $0.message)
            }
        },
        propertyNames: { KafkaProperties.names }, webhookURL: { WebhookTarget.problem(url: $0) },
        webhookHeader: { WebhookTarget.problem(header: ($0, $1)) })
}

extension Diagnostic {
    /// The same finding, its place in another file when it is in `file`.
    fileprivate func moved(from file: String, to name: String) -> Diagnostic {
        guard let position, position.file == file else { return self }
        return Diagnostic(
            severity: severity, position: SourcePosition(file: name, line: position.line, column: position.column),
            message: message, hint: hint, sourceLine: sourceLine, variable: variable)
    }
}

extension ConfigurationFile {
    /// A candidate comes from anyone who reaches the admin port: it loads no code into the router that isn't there, also not by taking
    /// `isolate` away from a plugin.
    fileprivate static let candidateChecks: ConfigurationChecks = {
        var checks = ConfigurationFile.checks
        let load = checks.plugin
        checks.plugin = { content, name, isolation in
            guard isolation != nil || PluginLoader.isLoaded(content) else {
                return .failure(
                    ConfigurationChecks.PluginProblem(
                        problem: "isn't loaded into the router as it is, and a candidate doesn't load it", hint: "reload the file itself"))
            }
            return load(content, name, isolation)
        }
        return checks
    }()
}

extension PluginIsolation {
    fileprivate init(_ settings: PluginSettings.Isolation) {
        self.init(
            deadline: .milliseconds(settings.deadline), memory: Int(settings.memory), mustBeConfined: settings.mustBeConfined)
    }
}

extension WasmLimits {
    fileprivate init(_ settings: PluginSettings.Isolation) {
        self.init(deadline: .milliseconds(settings.deadline), memory: Int(settings.memory))
    }
}
