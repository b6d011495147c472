import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import GenericTransformers

/// `check` accepted filters with which no record could ever pass, and answered others with a wall of ninety names of
/// functions. A forgotten quote, a refused function and a contradiction each have a sentence now.
@Suite struct FilterMistakeTests {
    private func error(_ text: String) -> OptionError? {
        do throws(OptionError) {
            _ = try FilterTransformer.definition.make(["where": .string(text)])
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        (".status == ok", #"write `== "ok"`"#), (".level == error", #"write `== "error"`"#), ("ok == .status", #"write `"ok" ==`"#),
        (".a == 1 and .b != warn", #"write `!= "warn"`"#), (".a | todate", "can be compared as text"),
        (".a | gsub(\"a\"; \"b\") == \"\"", "`test("), (".a | lenght > 1", "did you mean `length`?"), ("del(.a)", "`pick` or `rename`"),
        ("frobnicate(.a)", "lists the functions"), (#"SellBuy == "buy""#, "did you mean `.SellBuy`?"),
        ("SellBuy > 5", "did you mean `.SellBuy`?"),
        (#""buy" == SellBuy"#, "did you mean `.SellBuy`?"), (#"error == "x""#, "did you mean `.error`?"),
        (#".a == 1 and Side != "x""#, "did you mean `.Side`, or the function `inside`?"),
        (#""SellBuy" == "buy""#, #"did you mean `.SellBuy == "buy"`?"#), (#"5 < "Price""#, "did you mean `5 < .Price`?"),
        (#".a and ("x" != "y")"#, #"did you mean `.x != "y"`?"#), ("1 == 1", "compare a field, as `.name == 1`"),
        ("true == false", "compare a field"),
        (#"if "a" == "b" then true else false end"#, #"did you mean `.a == "b"`?"#), (#".a | ("x" == "y")"#, "did you mean"),
        (#""a b" > "c d""#, "compare a field"),
        (#"type == "trade_data""#, "did you mean `.type`?"), (#""error" != type"#, "did you mean `.type`?"),
    ])
    func theHintIsShortAndFits(text: String, part: String) {
        let hint = error(text)?.hint ?? "none"
        #expect(hint.contains(part) && hint.utf8.count < 200, "\(hint)")
    }

    /// `"SellBuy" == "buy"` is the same for every record; it was accepted, and passed none.
    @Test(arguments: [#""SellBuy" == "buy""#, "1 == 1", "null != 1", #".a == 1 or "b" == "c""#]) func constantsAreNotCompared(text: String)
    {
        #expect(
            error(text)?.message.contains("compares two constants, so it is the same for every record") == true,
            "\(String(describing: error(text)))")
    }

    @Test(arguments: [
        #"type == "object""#, #".a | type == "number""#, #".a + "x" == "y""#, #"1 + .a == 2"#, #""a" == .b"#, ".a[1] == 2",
        #".a["x"] == "y""#, "2 * 3 == .n", "5 - .a > 1", #""x" == "y\(.a)""#, #".a == "x" + "y""#,
    ])
    func whatLooksAtARecordStays(text: String) { #expect(error(text) == nil, "\(String(describing: error(text)))") }

    @Test(
        arguments: [
            (".a == 1", [["a"]]), (".a.b > .c", [["a", "b"], ["c"]]), (".a | .b", [["a"]]), ("(.a | not) and .b.c", [["a"], ["b", "c"]]),
            ("any(.tags[]; .x == 1) and .y", [["y"]]), (#"@header.env == "x" and .a"#, [["a"]]), ("map(.a) | any", []),
            (".a[0].b", [["a"]]),
            (#"if .a then .b else .c end"#, [["a"], ["b"], ["c"]]), (".a as $x | $x.b", [["a"]]), ("not", []), (".a == \"", [["a"]]),
            ("", []), (".. == 1", []),
        ] as [(String, [[String]])])
    func fieldsOfTheRecordAreKnown(text: String, paths: [[String]]) { #expect(FilterFields(of: text).paths == paths) }

    @Test(arguments: [
        ".a == length", ".a == true", ".a == null", "length == .n", ".a == first(.b)", ".a | not", "map(. == 1) | any",
        ".a as $x | $x == 1",
    ])
    func functionsBesideComparisonsStay(text: String) { #expect(error(text) == nil) }

    @Test(arguments: [
        "false", "null", ".a == 1 and .a == 2", #".a == "x" and (.b > 1 and .a == "y")"#, ".a < null", "false or null", ".a == 1 and false",
        "true | not", "@topic == 1", "@partition == \"0\"", "@timestamp == \"2024-01-01\"", "@timestamp > \"2024-01-01\"", "@key == 5",
        "@header.x == true", "@key == \"a\" and @key == \"b\"",
    ])
    func whatCanNeverHoldIsRefused(text: String) {
        #expect(error(text)?.message.hasPrefix("no record can pass") == true, "\(String(describing: error(text)))")
    }

    @Test(arguments: [
        "true", ".a == 1 or .a == 2", ".a == 1 and .b == 2", ".a == 1 and .a == 1.0", ".a <= null", ".a > \"100\"", "false or .a", "@key",
        "@key == null",
        "@topic != 1", "@timestamp < \"x\"",
    ])
    func whatMayHoldStays(text: String) { #expect(error(text) == nil, "\(String(describing: error(text)))") }

    // MARK: The record beside its value

    private struct Headers: RecordHeaderReader {
        // Sound: written once, never freed.
        nonisolated(unsafe) private static let values = ["env": memory("prod"), "trace-id": memory("7")]

        private static func memory(_ text: String) -> UnsafeRawBufferPointer {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
            memory.copyBytes(from: text.utf8)
            return UnsafeRawBufferPointer(memory)
        }

        static func last(named name: String, of owner: OpaquePointer) -> UnsafeRawBufferPointer? { values[name] }

        static func forEach(of owner: OpaquePointer, _ visit: RecordHeaders.Visitor) {}
    }

    private func passes(_ text: String, hasMore: Bool = true) throws -> Bool {
        let transformer = try FilterTransformer.definition.make(["where": .string(text)])
        let sink = CountingSink()
        let owner = try #require(OpaquePointer(bitPattern: 1))
        Array(#"{"a":1}"#.utf8).withUnsafeBytes { value in
            Array("k1".utf8).withUnsafeBytes { key in
                let record = Record(
                    partition: 3, recordOffset: 0, timestampMilliseconds: hasMore ? 1_700_000_000_000 : -1, key: hasMore ? key : nil,
                    value: value, headers: hasMore ? RecordHeaders(of: owner, reader: Headers.self) : .none)
                withUnsafePointer(to: record) {
                    transformer.transform(
                        RecordBatch(topic: "events", records: UnsafeBufferPointer(start: $0, count: 1)), into: EnvelopeWriter(sink))
                }
            }
        }
        #expect(sink.rejected == 0)
        return sink.emitted == 1
    }

    /// `@key == "x"` was taken for a format of jq and refused every record.
    @Test(arguments: [
        (#"@key == "k1""#, true), (#"@key == "k2""#, false), (#"@key < "k2""#, true), ("@key", true), (#"@topic == "events""#, true),
        (#"@topic == "event""#, false), (#"@topic > "event""#, true), ("@partition == 3", true), ("@partition > 3", false),
        ("@timestamp > 1600000000000", true), ("@timestamp < 1600000000000", false), (#"@header.env == "prod""#, true),
        (#"@header."trace-id" == "7""#, true), ("@header.none == null", true), (#"@header.env != "test" and .a == 1"#, true),
        (#"@key == "k1" | not"#, false), (#"@key > 5"#, true), ("@header.none", false), ("@key != null and @timestamp != null", true),
    ])
    func propertiesAreCompared(text: String, holds: Bool) throws { #expect(try passes(text) == holds) }

    @Test(arguments: [
        ("@key == null", true), ("@key", false), ("@timestamp == null", true), ("@header.env == null", true), (#"@key == "k1""#, false),
    ])
    func whatARecordDoesNotHaveIsNull(text: String, holds: Bool) throws { #expect(try passes(text, hasMore: false) == holds) }

    @Test(arguments: [
        (#"@key | test("a")"#, "filter` of its own"), (#"@header == "x""#, "@header.NAME"),
        (#"@header.trace-id == "7""#, #"@header."trace-id""#),
        ("@key == @topic", "filter` of its own"),
    ])
    func moreThanComparingIsAnError(text: String, part: String) {
        #expect(error(text)?.hint?.contains(part) == true, "\(String(describing: error(text)))")
    }

    @Test func formatsOfJQStay() { #expect(error(".a | @text == \"1\"") == nil && error("@json == \"{}\"") == nil) }

    // MARK: pick and rename

    /// `pick: ["values[0].v"]` passed `check` and kept nothing of any record.
    @Test(arguments: ["values[0].v", "a.values[].v", "values[*]"]) func listsCannotBeGoneInto(path: String) {
        let pick = #expect(throws: OptionError.self) { try PickTransformer.definition.make(["fields": .list([.string(path)])]) }
        #expect(pick?.message.contains(path) == true && pick?.hint?.contains("array as a whole") == true, "\(String(describing: pick))")
    }

    @Test(arguments: ["a[b]", "[x", "]", "a]0["]) func namesWithBracketsNeedBrackets(name: String) {
        #expect(throws: OptionError.self) { try PickTransformer.definition.make(["fields": .list([.string(name)])]) }
        #expect(throws: Never.self) { try PickTransformer.definition.make(["fields": .list([.string("[\"\(name)\"]")])]) }
    }

    /// jq 1.6 refuses some of them in words of its own.
    @Test(arguments: [".a == \"\u{FFFD}\"", #".a | test(".")"#]) func halfASurrogatePairIsFilteredLikeAnyText(text: String) throws {
        let record = #"{"a":"\ud83d"}"#
        #expect(try FilterTransformer.definition.outcome(of: record, options: ["where": .string(text)]) == .data(record))
        let refused = try FilterTransformer.definition.outcome(
            of: record, options: ["where": .string(text), "lone_surrogates": .string("reject")])
        #expect(refused.rejection?.explanation.contains("byte 6") == true)
    }
}
