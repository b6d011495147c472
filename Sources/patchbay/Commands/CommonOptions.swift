import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayRuntime

/// `--config`, shared by the commands that read the file.
struct ConfigurationOption: ParsableArguments {
    @Option(name: [.short, .long], help: "The routes file.")
    var config = "routes.yaml"
}

/// `--config`, of the commands that describe transformers and need no file.
struct PluginsOption: ParsableArguments {
    @Option(name: [.short, .long], help: "A routes file whose plugins are to be included.")
    var config: String?

    /// - Throws: exit code 78, after printing everything that was found.
    func transformers() throws -> TransformerSet {
        guard let config else { return try BuiltinTransformers.registered() }
        return try ConfigurationFile.load(config, environment: ProcessInfo.processInfo.environment).transformers
    }
}

extension BuiltinTransformers {
    /// What routes may name.
    ///
    /// - Throws: exit code 70, after saying which two have one name.
    static func registered() throws -> TransformerSet {
        do throws(TransformerSet.Duplicate) {
            return try set()
        } catch {
            throw Exit.because(error.description, Exit.internalError)
        }
    }
}

extension ConfigurationFile {
    /// - Throws: exit code 78, after printing everything that was found.
    static func load(_ path: String, environment: [String: String]) throws -> RouterConfiguration {
        try configuration(of: read(path, environment: environment, transformers: BuiltinTransformers.registered()), path: path)
    }

    /// - Throws: exit code 78, after printing everything that was found.
    static func configuration(of loaded: LoadedConfiguration, path: String) throws -> RouterConfiguration {
        if !loaded.findings.isEmpty { Output.error(DiagnosticRenderer.render(loaded.findings, file: path)) }
        guard let configuration = loaded.configuration else { throw Exit.configuration }
        return configuration
    }
}

/// `--format`, of every command that reports.
struct FormatOption: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "text for people, json for programs.")
    var format = Format.text

    /// Prints a report in the format asked for.
    ///
    /// - Throws: the exit code, after saying why, when it can't be printed.
    func print(text: @autoclosure () -> String, json: @autoclosure () -> some Encodable) throws {
        switch format {
        case .text: try Output.standard(text())
        case .json: try Output.standard(JSONOutput.text(json()) + "\n")
        }
    }
}

/// Options of the form `name=value`.
enum NameAndValue {
    static func of(_ text: String) -> (name: String, value: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }
}

extension [String] {
    /// - Throws: when one is not of the form `name=value`.
    func checkPairs() throws {
        for pair in self where !pair.contains("=") { throw ValidationError("\(pair) is not of the form name=value") }
    }
}
