import Foundation
import Testing

private let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private struct Row {
    var words: [String]
    var names: [String]
}

/// `docs/glossary.md` explains each word once, and the types it names are there.
extension DocumentTests {
    private static func glossary() throws -> [Row] {
        let text = try String(contentsOf: repository.appendingPathComponent("docs/glossary.md"), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| Word") }.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let names = cells[2].split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            return Row(words: cells[0].components(separatedBy: ", "), names: names)
        }
    }

    @Test func eachWordOfTheGlossaryIsExplainedOnce() throws {
        let words = try Self.glossary().flatMap(\.words).map { $0.lowercased() }
        #expect(words.count > 50)
        for (word, occurrences) in Dictionary(grouping: words, by: { $0 }) where occurrences.count > 1 {
            Issue.record("`\(word)` is explained \(occurrences.count) times")
        }
    }

    @Test func whatTheGlossaryNamesIsInTheSources() throws {
        let declaration = try Regex(
            #"\b(?:struct|class|enum|protocol|actor|typealias|let|var|func|case) (\w+)"#, as: (Substring, Substring).self)
        var declared: Set<String> = []
        for folder in ["Sources", "Plugins"] {
            let files = try #require(
                FileManager.default.enumerator(at: repository.appendingPathComponent(folder), includingPropertiesForKeys: nil))
            for case let file as URL in files where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                for match in text.matches(of: declaration) { declared.insert(String(match.output.1)) }
            }
        }
        #expect(declared.count > 1_000)
        for row in try Self.glossary() {
            for name in row.names where !declared.contains(name) {
                Issue.record("the glossary names `\(name)` for \(row.words[0]), which no source declares")
            }
        }
    }
}
