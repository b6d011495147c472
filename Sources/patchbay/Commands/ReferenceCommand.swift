import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayDelivery
import PatchbayHTTP
import PatchbayReference
import PatchbayRuntime

/// `patchbay reference`: writes the generated parts of the documentation. For contributors; `make docs` calls it.
struct ReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference",
        abstract: "Write docs/reference: every key, variable and transformer, as this program declares them.",
        discussion: "Exit codes: 0 written; 69 a file can't be written.",
        shouldDisplay: false)

    @Argument(help: "The folder to write to.")
    var folder = "docs/reference"

    @OptionGroup var plugins: PluginsOption

    func run() throws {
        for (name, text) in try GeneratedReference.pages(of: plugins.transformers()) {
            let path = URL(fileURLWithPath: folder).appendingPathComponent(name)
            do {
                try FileManager.default.createDirectory(
                    at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: path, atomically: true, encoding: .utf8)
            } catch {
                throw Exit.because("can't write \(path.path): \(ErrorSentence.of(error))", Exit.unavailable)
            }
        }
    }
}

/// The generated pages by file name.
enum GeneratedReference {
    static func pages(of transformers: TransformerSet) -> [(name: String, text: String)] {
        [
            ("routes.md", ConfigReference.markdown(transformers: transformers)),
            ("transformers.md", TransformerReference.markdown(transformers)),
            ("environment.md", EnvironmentReference.markdown()),
            ("metrics.md", MetricsReference.markdown()),
            ("routes.schema.json", ConfigSchema.json(transformers: transformers)),
        ]
    }
}
