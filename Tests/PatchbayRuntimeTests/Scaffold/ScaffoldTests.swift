import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import TestSupport
import Testing

@testable import PatchbayRuntime

/// What `init --from-topic` writes, over records and topics that nobody would choose.
///
/// It wrote files that `check` refused: control characters, a byte order mark or a NUL in a key or value, records of
/// several lines, records nested 70 deep. Whatever a topic holds, the file must be right, and its tests must pass.
@Suite struct ScaffoldTests {
    private static let texts: [String] = [
        "", " ", "plain", #"{"a":1}"#, "{\n  \"a\": 1,\n\t\"b\": \"x\"\n}", "a\r\nb", "\u{0}", "a\u{0}b", "\u{7}\u{1B}[2J",
        "\u{7F}\u{80}\u{9F}",
        "\u{85}", "\u{2028}\u{2029}", "\u{FEFF}{\"a\":1}", "{\"a\":1}\u{FEFF}", "\u{FFFE}\u{FFFF}", "\u{1F600}\u{1FFFE}", "\u{202E}abc",
        "'", "''", "\"", "\\", "\\n",
        "#", "a # b", ": ", "a: b", "- a", "? a", "[", "{", "}", "&a", "*a", "!a", "!!binary x", "|", ">", "%a", "@a", "`a", "---", "...",
        "null", "~", "true", "no", "0x1F", "1e5", "1_000", ".inf", "12:30:45", "2024-01-01", "<<", "=", "${HOME}", "$$", "$",
        "${file:/etc/passwd}",
        String(repeating: "[", count: 70) + String(repeating: "]", count: 70),
        String(repeating: #"{"a":"#, count: 70) + "1" + String(repeating: "}", count: 70),
        #"{"a":{"b":{"c":"x"}}}"#, #"{"a":"\ud83d"}"#, #"{"a":1e400,"b":18446744073709551616}"#, "1", "\"text\"", "null\n", "[1,2]",
        #"{"level":"info","user":{"id":"u1","kind":"admin"}}"#, #"{"a b":"x","":"y","{z}":"w","@q":"v","é.è":"u"}"#,
        #"{"level":"\u0000\u001b","user":{"id":"'; drop"}}"#, #"{"if":"x","or":"y","$":"${HOME}"}"#, String(repeating: "x", count: 20_000),
        "{\"long\":\"" + String(repeating: "y", count: 40_000) + "\"}",
    ]

    private static let topics: [String] = [
        "trade-info", "a", "1", "1.5", "-", "_", "null", "true", "no", "on", "0x1F", "1e5", "2024-01-01", "..", ".hidden", "a.b_c-d",
        String(repeating: "t", count: 249),
        // Brokers don't have such topics; nothing says that what answers is Kafka.
        "a b", "^a", "a{b}", "a\nb", "a: b #c", "é", "\u{0}", "${HOME}", "",
    ]

    private let transformers: TransformerSet

    init() throws { transformers = try BuiltinTransformers.set() }

    private func load(_ text: String) -> LoadResult {
        ConfigurationLoader.load(text: text, file: "routes.yaml", environment: [:], transformers: transformers)
    }

    /// Holds a file to what `check` and `test` say of it, and its suggestions to what `check` says once they are
    /// uncommented.
    private func judge(_ topics: [Scaffold.Topic], at location: SourceLocation = #_sourceLocation) -> String {
        let text = Scaffold.text(topics: topics, transformers: transformers)
        let shown = "\(topics.map { ($0.name, $0.records.first) })\n\(text.suffix(3000))"
        let loaded = load(text)
        #expect(loaded.diagnostics.isEmpty, "\(loaded.diagnostics) for \(shown)", sourceLocation: location)
        if let configuration = loaded.configuration {
            let report = RouteTestReport(file: "routes.yaml", configuration)
            #expect(report.failed == 0, "\(report.text) for \(shown)", sourceLocation: location)
        }
        for suggestion in ["transform: [", "channels: [\""] + ["channels: ["] {
            // In place of the line that it is the other choice for.
            let key = suggestion.prefix { $0 != ":" } == "transform" ? "    transform: " : "    channel: "
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            guard let line = lines.firstIndex(where: { $0.hasPrefix("    # \(suggestion)") }),
                let other = lines[..<line].lastIndex(where: { $0.hasPrefix(key) })
            else { continue }
            lines[other] = "    " + lines[line].dropFirst("    # ".count)
            let changed = load(lines.joined(separator: "\n"))
            // Topics of such names can make channels that the file warns of; it loads all the same.
            let errors = changed.diagnostics.filter { $0.severity == .error }
            #expect(errors.isEmpty, "\(errors) with \(lines[other])", sourceLocation: location)
        }
        return text
    }

    @Test func everyRecordMakesAFileThatIsRight() {
        for text in Self.texts {
            let value = Array(text.utf8)
            _ = judge([.init(name: "topic", records: [SampledRecord(key: nil, value: value)])])
            _ = judge([.init(name: "topic", records: [SampledRecord(key: value, value: Array(#"{"a":"b"}"#.utf8))])])
            _ = judge([.init(name: "topic", records: [SampledRecord(key: value, value: value), SampledRecord(key: nil, value: nil)])])
        }
        let bytes: [[UInt8]] = [[0xFF], [0, 0, 0, 0, 5, 1], [0x1F, 0x8B, 8], [0xEF, 0xBB, 0xBF], [0xC0, 0x80], [0xED, 0xA0, 0x80]]
        for value in bytes {
            let file = judge([.init(name: "topic", records: [SampledRecord(key: value, value: value)])])
            // What can't be shown is left out, and the file says why.
            if String(validating: value, as: UTF8.self) == nil { #expect(file.contains("No test: "), "\(file)") }
        }
        _ = judge([.init(name: "topic", records: Self.texts.map { SampledRecord(key: Array($0.utf8), value: Array($0.utf8)) })])
    }

    @Test func everyTopicMakesAFileThatIsRight() {
        let record = SampledRecord(key: Array("k".utf8), value: Array(#"{"user":{"kind":"x"}}"#.utf8))
        for topic in Self.topics {
            _ = judge([.init(name: topic, records: [])])
            _ = judge([.init(name: topic, records: [record, record, record])])
        }
        _ = judge((Self.topics + Self.topics).map { .init(name: $0, records: [record]) })
    }

    /// Random texts of awkward characters, in names and in values, as records of one topic.
    @Test(arguments: 1...4) func randomRecordsMakeFilesThatAreRight(seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        let scalars = Array("ab{}[]:,#'\"\\$&*!|>%@`-?~ \n\r\t\u{0}\u{1B}\u{7F}\u{85}\u{FEFF}\u{2028}\u{FFFF}é😀01".unicodeScalars)
        func text(_ length: Int) -> String {
            String(
                String.UnicodeScalarView(
                    (0..<Int(random.next() % UInt64(length))).map { _ in scalars[Int(random.next() % UInt64(scalars.count))] }))
        }
        for _ in 0..<25 {
            let records = (0..<3).map { _ -> SampledRecord in
                let object = try? JSONSerialization.data(withJSONObject: [text(6): text(12), "o": [text(5): text(8), "k": text(3)]])
                let value = random.next() % 3 == 0 ? Array(text(40).utf8) : object.map(Array.init)
                return SampledRecord(key: Array(text(10).utf8), value: value)
            }
            _ = judge([.init(name: "topic", records: records)])
        }
    }

    /// The header spoke of routes.yaml whatever the file's name was, and of "the tests below" where there were none; `json` was among
    /// the others of `json`.
    @Test func theHeaderSpeaksOfThisFile() {
        let plain = Scaffold.text(topics: [], transformers: transformers)
        #expect(
            plain.contains("#   patchbay check routes.yaml     finds every mistake\n#   patchbay explain --topic T …   shows"), "\(plain)")
        #expect(plain.contains("#   patchbay test routes.yaml      runs the `tests` of routes, once they have some\n"), "\(plain)")
        #expect(plain.contains("transform: json   # others: token, trade, aggregate, filter, pick, rename, "), "\(plain)")
        let records = [SampledRecord(key: nil, value: Array(#"{"a":"b"}"#.utf8))]
        let named = Scaffold.text(
            topics: [.init(name: "t", records: records)], transformers: transformers, file: "my conf/it's.yaml")
        #expect(
            named.contains(#"#   patchbay check 'my conf/it'\''s.yaml' "#) && named.contains(#"--config 'my conf/it'\''s.yaml' --topic T"#),
            "\(named)")
        #expect(named.contains("runs the tests below\n") && !named.contains("routes.yaml"), "\(named)")
        let none = Scaffold.text(
            topics: [.init(name: "t", records: [SampledRecord(key: nil, value: [0xFF])])], transformers: transformers)
        #expect(!none.contains("tests below") && none.contains("No test: "), "\(none)")
    }

    /// A few records of one second have one time, which made `.time == "…"` the suggested filter.
    @Test(arguments: [
        "2024-01-01T12:00:00Z", "2024-01-01 12:00:00.123", "2024-01-01", "12:00:00", "31.12.2024", "Sat, 31 Jan 2026 10:00:00 GMT",
        "1717243200", "1717243200123",
        "1717243200.5", "20240101T120000Z",
    ])
    func timesAreNotSuggested(time: String) {
        let records = (0..<6).map { number in
            SampledRecord(
                key: nil, value: Array(#"{"time":"\#(time)\#(number < 4 ? "" : " ")","side":"\#(number < 3 ? "buy" : "sell")"}"#.utf8))
        }
        let file = judge([.init(name: "orders", records: records)])
        #expect(file.contains(##"[{ filter: '.side == "buy"' }, json]"##) && file.contains(##""orders.{side}""##), "\(file)")
        for text in ["buy", "1", "10", "3.5", "0x12", "A-2024-01-01", "12345", "1h", "eu-west-1", "1.2.3"] {
            #expect(!FieldSuggestions.looksLikeTime(text), "\(text)")
        }
    }

    /// Only the outermost fields were looked at, so that records which wrap everything in `payload` got no suggestion.
    @Test func nestedFieldsAreSuggested() {
        let records = (0..<6).map { number in
            SampledRecord(
                key: nil,
                value: Array(
                    #"{"payload":{"id":"r\#(number)","user":{"name":"u\#(number % 4)"},"side":"\#(number < 4 ? "buy" : "sell")"}}"#.utf8))
        }
        let file = judge([.init(name: "orders", records: records)])
        #expect(
            file.contains(##"    # transform: [{ filter: '.payload.user.name == "u0"' }, json]   # only some of the records"##), "\(file)")
        #expect(file.contains(##"    # channels: [orders, "orders.{payload.user.name}"]"##), "\(file)")
        #expect(file.contains("transform: json   # fits all of the 6 records looked at"), "\(file)")
        let one = judge([.init(name: "orders", records: Array(records.prefix(1)))])
        #expect(one.contains("# fits the 1 record looked at"), "\(one)")
    }
}
