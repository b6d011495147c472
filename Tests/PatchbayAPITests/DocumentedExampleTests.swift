import Foundation
import PatchbayAPI
import Testing
import TransformerTestSupport

/// The article on writing a transformer shows code that compiles and does what it says.
@Suite struct DocumentedExampleTests {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let catalog = tests.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/PatchbayAPI/PatchbayAPI.docc")

    @Test func theArticleShowsTheTransformerThatIsTested() throws {
        let source = try String(contentsOf: Self.tests.appendingPathComponent("SizeTransformer.swift"), encoding: .utf8)
        let article = try String(contentsOf: Self.catalog.appendingPathComponent("WritingATransformer.md"), encoding: .utf8)
        let parts = article.components(separatedBy: "```")
        let blocks = parts.indices.filter { $0 % 2 == 1 && parts[$0].hasPrefix("swift\n") }.map { parts[$0].dropFirst("swift\n".count) }
        #expect(blocks.count >= 2)
        for block in blocks where !source.contains(block) {
            Issue.record("not in SizeTransformer.swift:\n\(block)")
        }
    }

    /// Symbols in double backticks become links, which DocC warns of where they lead nowhere.
    @Test func theSymbolsOfThePagesAreThere() throws {
        let sources = Self.catalog.deletingLastPathComponent()
        var text = ""
        for file in try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
        where file.pathExtension == "swift" {
            text += try String(contentsOf: file, encoding: .utf8)
        }
        for page in try FileManager.default.contentsOfDirectory(at: Self.catalog, includingPropertiesForKeys: nil) {
            let parts = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "``")
            for index in parts.indices where index % 2 == 1 && !parts[index].hasPrefix("`") && parts[index] != "PatchbayAPI" {
                for name in parts[index].split(separator: "/") where !name.contains("`") && !name.contains("\n") {
                    let word = name.prefix { $0 != "(" }
                    #expect(
                        text.firstMatch(
                            of: try Regex("public (indirect |final |static )*[a-z]+ \(word)\\b|func \(word)\\b|case \(word)\\b")) != nil,
                        "\(page.lastPathComponent): \(name)")
                }
            }
        }
    }

    @Test(arguments: SizeTransformer.definition.examples.indices)
    func examples(index: Int) throws {
        let example = SizeTransformer.definition.examples[index]
        #expect(try SizeTransformer.definition.outcome(of: example.input, options: example.options).example == example.outcome)
    }

    @Test func aTombstoneIsRejected() throws {
        #expect(try SizeTransformer.definition.outcomes(of: [nil, [0x30]]) == [.rejected(.tombstone), .data(#"{"bytes":1}"#)])
    }
}
