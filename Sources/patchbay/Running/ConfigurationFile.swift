import ArgumentParser
import PatchbayAPI
import PatchbayAlerts
import PatchbayConfig
import PatchbayKafka

/// What loading routes.yaml came to, librdkafka's word on its own properties included.
struct LoadedConfiguration: Sendable {
    /// `nil` when a finding is an error.
    let configuration: RouterConfiguration?
    let findings: [Diagnostic]
    /// Every file read or looked for.
    let files: [String]
    let origins: [ResolvedSetting]
}

/// Loads routes.yaml.
enum ConfigurationFile {
    /// Loads and checks; prints nothing.
    static func read(
        _ path: String, environment: [String: String], transformers: [TransformerDefinition] = BuiltinTransformers.all
    ) -> LoadedConfiguration {
        let result = ConfigurationLoader.load(path: path, environment: environment, transformers: transformers)
        var findings = result.diagnostics + (result.configuration?.clusters ?? []).flatMap(propertyFindings)
        if let finding = result.configuration?.alerts.webhook.flatMap(webhookFinding) { findings.append(finding) }
        let hasErrors = findings.contains { $0.severity == .error }
        return LoadedConfiguration(
            configuration: hasErrors ? nil : result.configuration, findings: findings, files: result.files,
            origins: result.origins)
    }

    /// - Throws: exit code 78, after printing everything that was found.
    static func load(_ path: String, environment: [String: String]) throws -> RouterConfiguration {
        let loaded = read(path, environment: environment)
        return try configuration(of: loaded, path: path)
    }

    /// - Throws: exit code 78, after printing everything that was found.
    static func configuration(of loaded: LoadedConfiguration, path: String) throws -> RouterConfiguration {
        if !loaded.findings.isEmpty { Output.error(DiagnosticRenderer.render(loaded.findings, file: path)) }
        guard let configuration = loaded.configuration else { throw Exit.configuration }
        return configuration
    }

    /// What is wrong with the webhook; the address itself is a secret.
    private static func webhookFinding(_ webhook: AlertSettings.Webhook) -> Diagnostic? {
        WebhookTarget.problem(url: webhook.url, headers: webhook.headers.map { ($0.key, $0.value) }).map {
            Diagnostic(position: nil, message: "alerts.webhook: \($0)", hint: "for example `url: https://hooks.example.com/x`")
        }
    }

    /// What librdkafka has against a cluster's properties, at their places in the file.
    static func propertyFindings(_ cluster: KafkaSettings) -> [Diagnostic] {
        KafkaProperties.validate(cluster.properties.map { ($0.name, $0.value) }).map { name, message in
            let property = cluster.properties.first { $0.name == name }
            // librdkafka repeats the value in its message, which a secret must not be.
            let text = property?.isSecret == true ? "librdkafka refuses its value" : message
            let place = cluster.name == KafkaSettings.defaultName ? "kafka" : "kafka.clusters.\(cluster.name)"
            return Diagnostic(
                position: property?.position, message: "\(place).properties: \(name): \(text)",
                hint: "see librdkafka's CONFIGURATION.md for names and values")
        }
    }
}
