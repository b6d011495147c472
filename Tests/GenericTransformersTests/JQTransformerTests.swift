import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing
import TransformerTestSupport

@testable import GenericTransformers

@Suite("The jq transformer")
struct JQTransformerTests {
    private let definition = JQTransformer.definition

    private func outcomes(_ program: String, _ records: [String], _ options: [String: ConfigValue] = [:]) throws -> [RecordOutcome] {
        let sink = CollectingSink()
        let transformer = try definition.make(["program": .string(program)].merging(options) { $1 })
        OwnedBatch(records.map { Array($0.utf8) }).run(transformer, into: sink)
        return sink.outcomes.map(\.outcome)
    }

    private func outcome(_ program: String, _ record: String, _ options: [String: ConfigValue] = [:]) throws -> RecordOutcome {
        let all = try outcomes(program, [record], options)
        #expect(all.count == 1, "\(all)")
        return try #require(all.first)
    }

    @Test(
        "Results come as jq has them",
        arguments: [
            (".", #"{"b":1,"a":[true,null,"é\n\u0000😀",{}]}"#, [#"{"b":1,"a":[true,null,"é\n\u0000😀",{}]}"#]),
            (".[]", "[1,[2],{}]", ["1", "[2]", "{}"]), (".a.b = 5", #"{"a":{}}"#, [#"{"a":{"b":5}}"#]),
            (".a += 1", #"{"a":1}"#, [#"{"a":2}"#]), ("(.a, .b) |= . * 2", #"{"a":1,"b":2}"#, [#"{"a":2,"b":4}"#]),
            (".a[1] = 9", #"{"a":[1,2]}"#, [#"{"a":[1,9]}"#]), (#".["x y"] = 1"#, "{}", [#"{"x y":1}"#]),
            (#"."x y" = 1 | ."x y" += 1"#, "{}", [#"{"x y":2}"#]), (".a //= 3", #"{"a":null}"#, [#"{"a":3}"#]),
            ("del(.a, .b[0], .c[].d)", #"{"a":1,"b":[1,2],"c":[{"d":1},{"e":2}]}"#, [#"{"b":[2],"c":[{},{"e":2}]}"#]),
            ("map(.n |= tonumber)", #"[{"n":"1"},{"n":"2"}]"#, [#"[{"n":1},{"n":2}]"#]),
            ("if .a then .b = 1 else .b = 2 end", "{}", [#"{"b":2}"#]), (".a | .b = 1, .c", #"{"a":{"c":3}}"#, [#"{"c":3,"b":1}"#, "3"]),
            ("map_values(. + 1)", #"{"a":1,"b":2}"#, [#"{"a":2,"b":3}"#]), ("map_values(empty)", "[1,2,3]", ["[]"]),
            ("map_values(., .)", "[1,2]", ["[1,2]"]), (#"map_values(select(. != "x"))"#, #"{"a":"x","b":"y"}"#, [#"{"b":"y"}"#]),
            ("[.. | numbers]", #"{"a":[1,{"b":2}]}"#, ["[1,2]"]),
        ])
    func results(program: String, record: String, expected: [String]) throws {
        #expect(try outcomes(program, [record]) == expected.map { .data($0) })
    }

    @Test(
        "Numbers keep their value or are refused",
        arguments: [
            ("1.50", "1.5"), ("-0", "-0"), ("0.1", "0.1"), ("9007199254740992", "9007199254740992"), ("9007199254740993", nil),
            ("9007199254740994", "9007199254740994"), ("-9007199254740993", nil), ("123456789012345678901234567890", nil),
            ("1e22", "1e+22"), ("1e400", nil), ("-1e400", nil), ("1e-400", nil), ("0.30000000000000004", "0.30000000000000004"),
            ("0.1000000000000000055511151231257827", nil), ("3.14159265358979323846", nil), ("100000000000000000", "1e+17"), ("1E2", "100"),
            ("0e999999999999999999", "0"), ("5e-324", "5e-324"),
        ])
    func numbers(given: String, expected: String?) throws {
        let outcome = try outcome("{n: .a[0].n}", #"{"a":[{"n":\#(given)}]}"#)
        if let expected {
            #expect(outcome == .data(#"{"n":\#(expected)}"#))
            #expect(JSONDecimal(expected) == JSONDecimal(given))
        } else {
            #expect(outcome.rejection?.code == "inexact_number" && outcome.rejection?.field == "a[0].n", "\(outcome)")
            let text = try self.outcome("{n: .a[0].n}", #"{"a":[{"n":\#(given)}]}"#, ["long_numbers": .string("text")])
            #expect(text == .data(#"{"n":"\#(given)"}"#))
        }
    }

    @Test("What jq would change without a word is refused with the place")
    func silentChanges() throws {
        for (record, field) in [
            (#"{"a":1,"a":2}"#, "a"), (#"{"a":{"b":1,"c":[{"d":1,"\u0064":2}]}}"#, "a.c[0].d"), (#"[{},{"":1,"":1}]"#, "[1]."),
        ] {
            let rejection = try outcome(".", record).rejection
            #expect(rejection?.code == "duplicate_field" && rejection?.field == field, "\(String(describing: rejection))")
        }
        #expect(try outcome(".", #"{"a":"\ud83d"}"#).rejection?.code == "invalid_json")
        // Colons, digits and quotes in texts are none.
        let text = #"{"a:1":"\"9007199254740993\":1,\\"}"#
        #expect(try outcome(".", text) == .data(text))
    }

    @Test("A failure leaves nothing of the record's results, and results have bounds")
    func bounds() throws {
        #expect(try outcomes(".[] | tonumber", [#"["1","x"]"#, #"["2"]"#]).map(\.rejection?.code) == ["expression_failed", nil])
        let failure = try outcome(".a.b", #"{"a":"x"}"#).rejection
        #expect(failure?.explanation == #"the program fails on this record: Cannot index string with string "b""#)
        let many = "[\(Array(repeating: "1", count: JQResults.mostResults).joined(separator: ","))]"
        #expect(try outcomes(".[]", [many]).count == JQResults.mostResults)
        #expect(try outcome(".[], 1", many).rejection?.code == "too_large")
        let doubled = Array(repeating: "[.,.]", count: 20).joined(separator: "|")
        #expect(try outcome(doubled, "\"\(String(repeating: "x", count: 100))\"").rejection?.code == "too_large")
        #expect(try outcome("reduce .[] as $x (0; [.])", "[\(Array(repeating: "1", count: 64).joined(separator: ","))]").rejection == nil)
        #expect(
            try outcome("reduce .[] as $x (0; [.])", "[\(Array(repeating: "1", count: 65).joined(separator: ","))]").rejection?.code
                == "too_deep")
        #expect(try outcome(".n / 0 | floor", #"{"n":1}"#).rejection?.code == "expression_failed")
        #expect(try outcome("[infinite]", "1").rejection?.code == "expression_failed")
        #expect(try outcome("nan", "1").rejection?.code == "expression_failed")
        #expect(try outcome("empty", "1") == .filtered)
    }

    /// jq 1.6 copies the list for each element of `map_values`: this took it half a minute, and a filter that long, too.
    @Test("Elements of long lists take time for each, not for each pair")
    func longLists() throws {
        let list = "[\((0..<50_000).map(String.init).joined(separator: ","))]"
        #expect(try outcome("map_values(. + 1) | length", list) == .data("50000"))
        let filter = try FilterTransformer.definition.outcome(of: list, options: ["where": .string("map_values(. + 1) | length == 50000")])
        #expect(filter == .data(list))
    }

    @Test(
        "What may never end, or end badly, is refused when the file is checked",
        arguments: [
            "repeat(1)", "range(1e12)", "def f: f; f", "input", #"gsub(""; "x")"#, "setpath([.n]; 1)", ".[.n] = 1", ".[.n] |= 1",
            ".a[] = 1",
            ".a[] |= . + 1", ".. = 1", ". = 1", "(.a | .b) = 1", "first(.a[]) = 1", "limit(1; .a) = 1", ".a[1000000000] = 1", ".a[-1] = 1",
            ".a[1.5] = 1", ".a[1:] = []", ".a + .b = 1", "f(.a) = 1", "getpath([\"a\"]) = 1", "$x.a = 1", "(.a, .b[]) = 1",
            "(.a, first(.b)) += 1", "del(.[.n])", "del(..)", "del(first(.a))", "del(.a | .b)", "del", "del()", "del(.a[1:])",
            "{del: 1} | del(.n[.m])",
            "$ENV", "$ENV.HOME", "env", "@key", #"@header.x == "1""#, ".id == 9007199254740993", "todate", "paths", "walk(.)",
            ".a.b.c[.d].e = 1",
            #""\(.a[] = 1)""#,
        ])
    func refused(text: String) {
        let error = #expect(throws: OptionError.self, "\(text)") { try definition.make(["program": .string(text)]) }
        #expect(error?.option == "program" && error?.hint != nil, "\(text): \(String(describing: error))")
    }

    @Test("The environment is no filter's business either", arguments: ["$ENV.HOME == \"x\"", "[$ENV] | length > 0"])
    func environment(text: String) {
        #expect(throws: OptionError.self) { try FilterTransformer.definition.make(["where": .string(text)]) }
    }

    @Test("Programs of a file are made together, and each keeps its own results") func sharing() throws {
        let texts = [".a", "[.a]", "{a} | .b = 1", ".a", "repeat(1)", "[.a"]
        let all = texts.map { OptionValues(["program": .string($0)], defaultsOf: definition.options) }
        let factories = definition.configureAll(all)
        let expected = ["7", "[7]", #"{"a":7,"b":1}"#, "7"]
        for (factory, expected) in zip(factories, expected) {
            let sink = CollectingSink()
            OwnedBatch([Array(#"{"a":7}"#.utf8)]).run(try factory.get()(), into: sink)
            #expect(sink.outcomes.map(\.outcome) == [.data(expected)])
        }
        for factory in factories.dropFirst(4) { #expect(throws: OptionError.self) { try factory.get() } }
    }

    /// Arbitrary records through programs of every kind: each comes out as JSON, is left out or is refused with a reason; and what
    /// passes unchanged says what it said before.
    @Test("No record comes out as something else than JSON, or changed") func arbitrary() throws {
        var author = Author(random: SeededGenerator(state: 13))
        let programs = [
            ".", ".[]?", ".a", "[.]", "{a: .}", "to_entries?", "[.. | strings]", "tojson", "map_values(.)?", "del(.a)?", "(.a = [.])?",
            "[.[]?] | sort | unique", "with_entries(.value |= [.])?", "[limit(3; ..)]", "tostring | explode", #"[.[]? | @json "\(.)"]"#,
            ".a.b |= .", "add?", "flatten?", "group_by(.)?", "@base64", "(.a // .) | .. | numbers", "error",
        ]
        let transformers = try programs.map { try definition.make(["program": .string($0)]) }
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 24, maximumDepth: 200))
        var passed = 0
        var refused = 0
        for round in 0..<3_000 {
            let record = author.value(5)
            let sink = CollectingSink()
            OwnedBatch([record]).run(transformers[round % transformers.count], into: sink)
            #expect(!sink.outcomes.isEmpty)
            for (_, outcome) in sink.outcomes {
                switch outcome {
                case .data(let text):
                    passed += 1
                    let problem = Array(text.utf8).withUnsafeBytes { parser.validate($0) }
                    #expect(problem == nil, "\(programs[round % programs.count]) of \(record): \(text)")
                    if round % transformers.count == 0 {
                        #expect(JSONDifference.between(expected: String(decoding: record, as: UTF8.self), actual: text).isEmpty)
                    }
                case .rejected(let rejection):
                    refused += 1
                    #expect(!rejection.explanation.isEmpty)
                case .filtered: break
                }
            }
        }
        #expect(passed > 1_000 && refused > 300, "\(passed) \(refused)")
    }

    /// Writes values that are valid more often than not.
    private struct Author {
        var random: SeededGenerator

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

        mutating func value(_ depth: Int) -> [UInt8] {
            var bytes = text(depth)
            if chance(3), !bytes.isEmpty { bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random)) }
            if chance(3) { bytes.insert(UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random)) }
            return bytes
        }

        private mutating func text(_ depth: Int) -> [UInt8] {
            let space = chance(10) ? Array(" \n".utf8) : []
            switch depth == 0 ? Int.random(in: 0..<3, using: &random) : Int.random(in: 0..<7, using: &random) {
            case 0: return Array((["null", "true", "false"].randomElement(using: &random) ?? "").utf8)
            case 1:
                let numbers = [
                    "0", "-0", "1", "-12.50", "1e3", "1E-7", "9007199254740993", "1e400", "0.1", "12345678901234567890",
                    "4611686018427387904",
                ]
                return Array((numbers.randomElement(using: &random) ?? "").utf8)
            case 2: return string()
            case 3, 4:
                let elements = (0..<Int.random(in: 0...4, using: &random)).map { _ in text(depth - 1) }
                return [0x5B] + space + elements.joined(separator: [0x2C]) + [0x5D]
            default:
                let members = (0..<Int.random(in: 0...4, using: &random)).map { _ in string() + space + [0x3A] + text(depth - 1) }
                return [0x7B] + members.joined(separator: [0x2C]) + space + [0x7D]
            }
        }

        private mutating func string() -> [UInt8] {
            let texts = [
                "", "a", "b", "\\u0061", "é", "\\ud83d\\ude00", "\\ud83d", "\\u0000", "\\\"", "\\\\", "1:2,", "\\n", "😀", "\\/", "key",
                "name", "value",
            ]
            return Array("\"\(texts.randomElement(using: &random) ?? "")\"".utf8)
        }
    }
}
