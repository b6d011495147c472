import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing

@Suite("Damaged files")
struct FuzzTests {
    private static let fragments = [
        "\t", "\n", "\r", " ", "  ", "- ", ": ", "[", "]", "{", "}", "\"", "'", "|", ">", "&a ", "*a", "!x ", "!!int ", "? ", "# ", "---\n",
        "...\n", "%YAML 1.2\n", "${", "${A}", "${A:-b}", "${file:/}", "$$", "~", "null", "true", "99999999999999999999", "-1", "1e999",
        ".nan",
        "\u{0}", "\u{85}", "\u{2028}", "\u{FEFF}", "é", "日本", "🚀", "<<: ", "\\", "@", "`", ",", "^", "version", "channel: ", "0x", "1min",
    ].map { Array($0.utf8) }

    private func damaged(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...12, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes.removeSubrange(place..<end)
            case 1: bytes.insert(contentsOf: Self.fragments[Int.random(in: 0..<Self.fragments.count, using: &generator)], at: place)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            case 3: bytes = Array(bytes[..<place])
            case 4: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &generator) }
            default: bytes.replaceSubrange(place..<end, with: Self.fragments[Int.random(in: 0..<Self.fragments.count, using: &generator)])
            }
        }
        return bytes
    }

    @Test("give a configuration or errors with a place inside the file, never a crash", arguments: 0..<8)
    func mutations(_ seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed))
        let original = Array(ConfigurationTests.full.utf8)
        var right = 0
        for round in 0..<500 {
            let bytes = damaged(original, &generator)
            let result = ConfigurationLoader.load(bytes: bytes, file: "f", environment: ["A": "7"], transformers: fakes)
            let errors = result.diagnostics.count { $0.severity == .error }
            // Comparing first keeps thousands of expectations that hold from being recorded.
            if (result.configuration == nil) != (errors > 0) { Issue.record("seed \(seed), round \(round): no answer") }
            if result.configuration != nil { right += 1 }
            for diagnostic in result.diagnostics where !isSound(diagnostic, in: bytes) {
                Issue.record("seed \(seed), round \(round): \(diagnostic)")
            }
            if !isSorted(result.diagnostics) { Issue.record("seed \(seed), round \(round): not sorted") }
            if errors > 0, DiagnosticRenderer.render(result.diagnostics, file: "f").isEmpty {
                Issue.record("seed \(seed), round \(round): nothing to show")
            }
        }
        // Damage that always or never matters would test nothing.
        #expect((1..<400).contains(right))
    }

    private func isSound(_ diagnostic: Diagnostic, in bytes: [UInt8]) -> Bool {
        guard !diagnostic.message.isEmpty, let position = diagnostic.position else { return false }
        let lines = bytes.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 } + 1
        guard (1...lines + 1).contains(position.line), position.column >= 1 else { return false }
        guard let line = diagnostic.sourceLine else { return true }
        return position.column <= line.unicodeScalars.count + 1
    }

    private func isSorted(_ diagnostics: [Diagnostic]) -> Bool {
        zip(diagnostics, diagnostics.dropFirst()).allSatisfy { earlier, later in
            guard let a = earlier.position, let b = later.position else { return earlier.position == nil }
            return (a.line, a.column) <= (b.line, b.column)
        }
    }
}
