import ArgumentParser
import Foundation
import PatchbayConfig
import PatchbayReference
import PatchbayRuntime

/// `patchbay config`: the configuration as the process would see it.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show the configuration in effect.", subcommands: [ConfigShowCommand.self])
}

/// `patchbay config show`: every setting with where it comes from.
struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print every setting in effect and where it comes from: file and line, variable, or default.",
        discussion: """
            Secrets are printed as ***.

            Exit codes: 0 fine; 78 the file has errors, which are printed.
            """)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let loaded = ConfigurationFile.read(
            file.config, environment: ProcessInfo.processInfo.environment, transformers: try BuiltinTransformers.registered(),
            collectsOrigins: true)
        let transformers = try ConfigurationFile.configuration(of: loaded, path: file.config).transformers
        switch format.format {
        case .text: try Output.standard(EffectiveConfiguration.yaml(loaded.origins, transformers: transformers))
        case .json: try Output.standard(EffectiveConfiguration.json(loaded.origins, transformers: transformers))
        }
    }
}

/// `patchbay schema`: for editors.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of routes.yaml, for editors and other tools.",
        discussion: """
            With yaml-language-server, put this into the first line of the file:
              # yaml-language-server: $schema=./routes.schema.json

            Exit codes: 0 printed; 78 the file given with --config has errors.
            """)

    @OptionGroup var plugins: PluginsOption

    func run() throws { try Output.standard(ConfigSchema.json(transformers: plugins.transformers())) }
}
