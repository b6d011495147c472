import Foundation
import Testing

/// English as people speak it: phrases that made native readers stumble don't come back. Log lines above all, since operators
/// search for them.
@Suite struct PhraseTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What not to write, and what to write for it. In pieces, so that this file doesn't have them.
    private static let phrases: [(pattern: String, instead: String)] = [
        (#"\btrying"# + #"\s+on\b"#, "retrying"),
        ("take" + #"(s|n)?\s+(their|its|his) leave"#, "close, leave"),
        ("took" + #"\s+(their|its|his) leave"#, "closed, left"),
        (#"\bnobody"# + #"\s+looks\b"#, "not checked, disabled"),
        ("read no" + #"\s+further"#, "paused, halted"),
        (#"\ban"# + #"ew\b"#, "again, recreated"),
        ("had" + #"\s+better\s+not"#, "should not"),
        (#"\b(come|came|comes)\s+to"# + #"\s+(its|their|his)\s+senses"#, "recovered"),
        (#"\bwho"# + #"ever\b"#, "anyone who, or a role"),
        (#"\bno position "# + #"in (this|the) topic\b"#, "no committed offset"),
        (#"\bis none "# + #"of true\b"#, "is not true, false or null"),
        (#"\bor in "# + #"excess\b"#, "or out of place"),
        (#"\btold to "# + #"the webhook\b"#, "delivered to the webhook"),
        (#"\bis looked "# + #"for again\b"#, "checking again"),
    ]

    private static let folders = ["Sources", "Plugins", "Tests", "Benchmarks", "docs", "findings"]
    private static let files = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"]
    private static let endings: Set<String> = [
        "swift", "md", "yaml", "yml", "html", "js", "css", "py", "c", "h", "cpp", "hpp", "sh", "json", "",
    ]

    /// Every text of the repository but what set-up fetches.
    private static func texts() throws -> [(path: String, text: String)] {
        var paths = files
        for folder in folders {
            let found = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            while let path = found?.nextObject() as? String { paths.append("\(folder)/\(path)") }
        }
        return paths.filter { path in
            !path.contains("/vendor") && endings.contains(URL(fileURLWithPath: path).pathExtension)
        }.compactMap { path in
            (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)).map { (path, $0) }
        }
    }

    @Test func wordsThatMadeReadersStumbleDoNotComeBack() throws {
        let texts = try Self.texts()
        #expect(texts.count > 400)
        let expressions = try Self.phrases.map { (try Regex($0.pattern).ignoresCase(), $0.instead) }
        for (path, text) in texts {
            for (expression, instead) in expressions {
                for match in text.matches(of: expression) {
                    let line = text[..<match.range.lowerBound].count { $0 == "\n" } + 1
                    Issue.record("\(path):\(line) says `\(text[match.range])`; better: \(instead)")
                }
            }
        }
    }
}
