import ArgumentParser
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka

/// Loads routes.yaml, with librdkafka's word on its own properties.
enum ConfigurationFile {
    /// - Throws: exit code 78, after printing everything that was found.
    static func load(
        _ path: String, environment: [String: String], transformers: [TransformerDefinition] = BuiltinTransformers.all
    ) throws -> RouterConfiguration {
        let result = ConfigurationLoader.load(path: path, environment: environment, transformers: transformers)
        var findings = result.diagnostics
        if let configuration = result.configuration { findings += propertyFindings(configuration.kafka.properties) }
        if !findings.isEmpty { Output.error(DiagnosticRenderer.render(findings, file: path)) }
        guard let configuration = result.configuration, !findings.contains(where: { $0.severity == .error }) else {
            throw Exit.configuration
        }
        return configuration
    }

    /// What librdkafka has against its properties, at their places in the file.
    static func propertyFindings(_ properties: [KafkaProperty]) -> [Diagnostic] {
        KafkaProperties.validate(properties.map { ($0.name, $0.value) }).map { name, message in
            let property = properties.first { $0.name == name }
            // librdkafka repeats the value in its message, which a secret must not be.
            let text = property?.isSecret == true ? "librdkafka refuses its value" : message
            return Diagnostic(
                position: property?.position, message: "kafka.properties: \(name): \(text)",
                hint: "see librdkafka's CONFIGURATION.md for names and values")
        }
    }
}
