import Foundation
import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing

@testable import PatchbayServer
@testable import patchbay

/// What the documents say must be what the program does.
@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func document(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func closeCodesAreTheTableInTheSource() throws {
        let text = try document("docs/protocol.md")
        let expected = CloseCode.all.map { "| \($0.number) | \($0.meaning) |\n" }.joined()
        #expect(text.contains("| Code | Meaning |\n|---|---|\n\(expected)<!-- /close-codes -->"))
    }

    @Test func everyKeyAndVariableIsDocumented() throws {
        let text = try document("docs/routes.md")
        for field in ConfigFields.server + ConfigFields.kafka + ConfigFields.defaults {
            let cells =
                field.environmentVariable.map { "| `\(field.name)` | `\($0)` |" } ?? "| `\(field.name)` |"
            #expect(text.contains(cells), "docs/routes.md lacks \(field.name)")
        }
        for field in ConfigFields.root + ConfigFields.channel + ConfigFields.route {
            #expect(text.contains("`\(field.name)`") || text.contains(".\(field.name)`"), "no \(field.name)")
        }
    }

    @Test func everyTransformerAndOptionIsDocumented() throws {
        let text = try document("docs/transformers.md")
        for transformer in BuiltinTransformers.all {
            #expect(text.contains("| `\(transformer.name)` | `\(transformer.defaultType)` |"), "\(transformer.name)")
            for option in transformer.options { #expect(text.contains("| `\(option.name)` |"), "\(option.name)") }
        }
    }

    @Test func transformersHaveNamesOfTheirOwn() {
        #expect(BuiltinTransformers.duplicate() == nil)
        let twice = BuiltinTransformers.all + [BuiltinTransformers.all[0]]
        #expect(BuiltinTransformers.duplicate(in: twice)?.contains(BuiltinTransformers.all[0].name) == true)
    }

    /// The shipped file and every complete file shown in a document.
    @Test func shownRoutesFilesAreValid() throws {
        var files = ["routes.yaml": try document("routes.yaml")]
        for path in ["docs/routes.md", "README.md"] {
            for (index, block) in try document(path).split(separator: "```").enumerated()
            where block.hasPrefix("yaml\nversion: 1") {
                files["\(path)#\(index)"] = String(block.dropFirst(5))
            }
        }
        #expect(files.count == 2)
        for (name, text) in files {
            let result = ConfigurationLoader.load(
                text: text, file: name, environment: [:], transformers: BuiltinTransformers.all)
            #expect(result.diagnostics.isEmpty, "\(DiagnosticRenderer.render(result.diagnostics, file: name))")
        }
    }

    @Test func theExampleFindingIsWhatIsPrinted() throws {
        let text = """
            version: 1
            routes:
              - topic: notes
                transform: json
                chanel: notes
            """
        let result = ConfigurationLoader.load(
            text: text, file: "routes.yaml", environment: [:], transformers: BuiltinTransformers.all)
        let shown = DiagnosticRenderer.render(result.diagnostics, file: "routes.yaml")
        #expect(shown.contains("routes.yaml:5:5: error: unknown key `chanel`\n        chanel: notes\n        ^\n"), "\(shown)")
        #expect(shown.contains("  hint: did you mean `channel`?"), "\(shown)")
    }
}
