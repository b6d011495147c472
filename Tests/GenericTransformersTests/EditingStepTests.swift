import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing
import TransformerTestSupport

@testable import GenericTransformers

@Suite("drop")
struct DropTests {
    private func outcome(_ text: String, _ fields: String...) throws -> RecordOutcome {
        try DropTransformer.definition.outcome(of: text, options: ["fields": .list(fields.map { .string($0) })])
    }

    @Test(
        "Commas and white space stay right, whatever goes",
        arguments: [
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["a"], #"{ "b" : 2 , "c" : 3 }"#),
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["b"], #"{ "a" : 1 , "c" : 3 }"#),
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["c"], #"{ "a" : 1 , "b" : 2 }"#),
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["a", "b"], #"{ "c" : 3 }"#),
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["b", "c"], #"{ "a" : 1 }"#),
            (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, ["a", "b", "c"], #"{  }"#),
            (#"{"a":1}"#, ["a"], "{}"), (#"{"a":[1,2,3]}"#, ["a[0]", "a[1]"], #"{"a":[3]}"#),
            (#"{"a":[1,2,3]}"#, ["a[2]", "a[0]"], #"{"a":[2]}"#),
            (#"{"a":{"b":1,"c":{"d":2}},"e":3}"#, ["a.c.d", "a.b"], #"{"a":{"c":{}},"e":3}"#),
            (#"{"a":1,"b":2,"a":3}"#, ["a"], #"{"b":2}"#), (#"{"\u0061":1,"b":1.50}"#, ["a"], #"{"b":1.50}"#),
            (#"{"a":5,"b":[]}"#, ["a.x", "b[0]"], #"{"a":5,"b":[]}"#), (#"[{"a":1,"b":2},3]"#, ["[0].a", "[1]"], #"[{"b":2}]"#),
        ])
    func commas(text: String, fields: [String], expected: String) throws {
        #expect(
            try DropTransformer.definition.outcome(of: text, options: ["fields": .list(fields.map { .string($0) })]) == .data(expected))
    }

    @Test("A field that isn't there can be asked for") func missing() throws {
        let options: [String: ConfigValue] = ["fields": .strings("a", "b.c"), "missing": .string("reject")]
        #expect(try DropTransformer.definition.outcome(of: #"{"a":1,"b":{}}"#, options: options).rejection?.field == "b.c")
        #expect(try DropTransformer.definition.outcome(of: #"{"a":1,"b":{"c":2}}"#, options: options) == .data(#"{"b":{}}"#))
    }

    /// Random objects against a reference that works on lists of members.
    @Test func agreesWithAPlainReference() throws {
        var generator = SeededGenerator(state: 11)
        let drop = try DropTransformer.definition.make(["fields": .strings("a", "c", "e")])
        for _ in 0..<500 {
            let members = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                (["a", "b", "c", "d", "e"].randomElement(using: &generator) ?? "a", "\(Int.random(in: 0..<1000, using: &generator))")
            }
            func text(_ members: [(String, String)]) -> String {
                "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
            }
            let sink = CollectingSink()
            OwnedBatch([Array(text(members).utf8)]).run(drop, into: sink)
            #expect(sink.outcomes[0].outcome == .data(text(members.filter { !["a", "c", "e"].contains($0.0) })))
        }
    }
}

@Suite("set")
struct SetTests {
    private func options(_ fields: [String: String], missing: String? = nil) -> [String: ConfigValue] {
        var options: [String: ConfigValue] = [
            "fields": .map(Dictionary(uniqueKeysWithValues: fields.map { (ByteString($0.key), .json($0.value)) }))
        ]
        if let missing { options["missing"] = .string(missing) }
        return options
    }

    private func outcome(_ text: String, _ fields: [String: String], missing: String? = nil) throws -> RecordOutcome {
        try SetTransformer.definition.outcome(of: text, options: options(fields, missing: missing))
    }

    @Test("Only what is set changes; the rest keeps its bytes") func keepsBytes() throws {
        #expect(try outcome(#"{ "a" : 1 , "b" : 1.50 }"#, ["a": "2"]) == .data(#"{ "a" : 2 , "b" : 1.50 }"#))
        #expect(try outcome(#"{ "a" : 1 }"#, ["z": "2"]) == .data(#"{ "a" : 1,"z":2 }"#))
        #expect(try outcome("{ }", ["z": "2"]) == .data(#"{"z":2 }"#))
        #expect(try outcome(#"{"x":1,"x":2}"#, ["a": "3"]) == .data(#"{"x":1,"x":2,"a":3}"#))
        #expect(
            try outcome(#"{"u":{"a":1},"v":[{"b":1},2]}"#, ["u.b": "3", "v[0].b": "4", "v[1]": "[]"])
                == .data(#"{"u":{"a":1,"b":3},"v":[{"b":4},[]]}"#))
    }

    @Test("Numbers keep every digit, as constants and as copies") func exact() throws {
        let long = "1234567890123456789012345678901234567890.10"
        #expect(try outcome("{}", ["a": long]) == .data(#"{"a":\#(long)}"#))
        #expect(try outcome(#"{"b":\#(long)}"#, ["a": #""{b}""#]) == .data(#"{"b":\#(long),"a":\#(long)}"#))
        #expect(try outcome(#"{"b":\#(long)}"#, ["a": #""is {b}""#]) == .data(#"{"b":\#(long),"a":"is \#(long)"}"#))
    }

    @Test("Values see the record as it came: two fields may swap") func swap() throws {
        #expect(try outcome(#"{"a":1,"b":"x"}"#, ["a": #""{b}""#, "b": #""{a}""#]) == .data(#"{"a":"x","b":1}"#))
    }

    @Test("Text is text, with the record's own escapes") func text() throws {
        #expect(
            try outcome(#"{"n":"\u0041\"\ud83d"}"#, ["a": #""{{{n}}}-{n}""#])
                == .data(#"{"n":"\u0041\"\ud83d","a":"{\u0041\"\ud83d}-\u0041\"\ud83d"}"#))
        #expect(try outcome(#"{"n":true}"#, ["a": #""a\n{n}""#]) == .data(#"{"n":true,"a":"a\n\#("true")"}"#))
        #expect(try outcome(#"{"n":[1]}"#, ["a": #""a{n}""#]).rejection?.code == "wrong_type")
        #expect(
            try outcome(#"{"n":[1, 2]}"#, ["a": #"{"in":["{n}",null,"{n[1]}"]}"#]) == .data(#"{"n":[1, 2],"a":{"in":[[1, 2],null,2]}}"#))
    }

    @Test("What the record has besides its value") func properties() throws {
        func run(_ fields: [String: String], key: String?, time: Int64 = 1_700_000_000_123, missing: String? = nil) throws -> RecordOutcome?
        {
            let sink = CollectingSink()
            OwnedBatch([Array("{}".utf8)], key: key.map { Array($0.utf8) }, timestampMilliseconds: time)
                .run(try SetTransformer.definition.make(options(fields, missing: missing)), into: sink)
            return sink.outcomes.first?.outcome
        }
        #expect(try run(["a": #""{@key}""#], key: #"x"y"#) == .data(#"{"a":"x\"y"}"#))
        #expect(
            try run(["a": #""{@key.id}""#, "b": #""{@key.n[0]} of {@topic}""#], key: #"{"id":1.50,"n":[7]}"#)
                == .data(#"{"a":1.50,"b":"7 of test"}"#))
        #expect(
            try run(["a": #""{@timestamp}""#, "b": #""at {@timestamp}, {@partition}""#], key: nil)
                == .data(#"{"a":1700000000123,"b":"at 1700000000123, 0"}"#))
        #expect(try run(["a": #""{@timestamp}""#], key: nil, time: -1)?.rejection?.field == "@timestamp")
        #expect(try run(["a": #""{@key}""#], key: nil)?.rejection?.field == "@key")
        #expect(try run(["a": #""{@key.id}""#], key: nil)?.rejection?.field == "@key.id")
        #expect(try run(["a": #""{@key.id}""#], key: "no json")?.rejection?.code == "invalid_json")
        #expect(try run(["a": #""{@header.x}""#], key: nil, missing: "null") == .data(#"{"a":null}"#))
        let sink = CollectingSink()
        OwnedBatch([Array("{}".utf8)], key: [0xFF]).run(try SetTransformer.definition.make(options(["a": #""{@key}""#])), into: sink)
        #expect(sink.outcomes.first?.outcome.rejection?.code == "wrong_type")
    }

    @Test("What isn't there") func missing() throws {
        #expect(try outcome(#"{"a":1}"#, ["a": #""{b}""#, "c": "2"], missing: "skip") == .data(#"{"a":1,"c":2}"#))
        #expect(try outcome(#"{"a":1}"#, ["x.y": #""{b}""#], missing: "skip") == .data(#"{"a":1}"#))
        #expect(try outcome(#"{"a":1}"#, ["a": #"["{b}","x{b}"]"#], missing: "null") == .data(#"{"a":[null,null]}"#))
        #expect(try outcome(#"{"a":null}"#, ["b": #""{a}""#]) == .data(#"{"a":null,"b":null}"#))
        #expect(try outcome(#"{"a":null}"#, ["b": #""x{a}""#]).rejection?.code == "missing_field")
    }

    @Test(
        "Where there is no place for a value, the record is rejected",
        arguments: [
            (#"{"a":1}"#, "a.b", "wrong_type"), (#"{"a":null}"#, "a.b", "wrong_type"), (#"{"a":[]}"#, "a.b", "wrong_type"),
            (#"{"a":{}}"#, "a[0]", "wrong_type"), (#"{"a":[1]}"#, "a[1]", "missing_field"), ("{}", "a[0].b", "missing_field"),
            (#"{"a":{"b":1},"a":{"b":2}}"#, "a.b", "duplicate_field"), (#"{"a":1,"\u0061":2}"#, "a", "duplicate_field"),
            ("[1]", "a", "not_an_object"),
        ])
    func noPlace(text: String, path: String, code: String) throws {
        #expect(try outcome(text, [path: "7"]).rejection?.code == code)
    }

    @Test("Mistakes in values are found when the file is checked", arguments: [#""{a""#, #""a}""#, #""{}""#, #""{@kye}""#, #"["{a..b}"]"#])
    func mistakes(value: String) {
        let error = #expect(throws: OptionError.self) { try SetTransformer.definition.make(options(["x": value])) }
        #expect(error?.option == "fields" && error?.hint != nil && error?.message.contains("`x`") == true, "\(String(describing: error))")
    }
}

@Suite("convert")
struct ConvertTests {
    private func outcome(_ value: String, _ conversion: ConfigValue, invalid: String? = nil) throws -> RecordOutcome {
        var options: [String: ConfigValue] = ["fields": .map(["a": conversion])]
        if let invalid { options["invalid"] = .string(invalid) }
        return try ConvertTransformer.definition.outcome(of: #"{"a":\#(value)}"#, options: options)
    }

    private static let longest = String(repeating: "9", count: 1000)

    @Test(
        "Types",
        arguments: [
            ("integer", "5", "5"), ("integer", "5.0", "5"), ("integer", "1.50e1", "15"), ("integer", "12e20", "1200000000000000000000"),
            ("integer", #""0042""#, "42"), ("integer", #""-7""#, "-7"), ("integer", #""+7.00""#, "7"), ("integer", "-0", "-0"),
            ("integer", "0.0", "0"),
            ("integer", "123456789012345678901234567890", "123456789012345678901234567890"), ("integer", "4.5", nil),
            ("integer", "1e-1", nil),
            ("integer", "true", nil), ("integer", #""""#, nil), ("integer", #"" 1""#, nil), ("integer", #""0x1f""#, nil),
            ("integer", "[1]", nil),
            ("integer", "1e1001", nil), ("integer", "1e99999999999999999999", nil), ("integer", "0e99999999999999999999", "0"),
            ("integer", "null", "null"),
            ("integer", longest, longest),
            ("number", #""1.50""#, "1.50"), ("number", #""1e400""#, "1e400"), ("number", #""007.10""#, "7.10"), ("number", "1.50", "1.50"),
            ("number", #""NaN""#, nil), ("number", #""1,5""#, nil), ("number", #"".5""#, nil), ("number", #""5.""#, nil),
            ("number", "{}", nil),
            ("decimal", "1.50", #""1.50""#), ("decimal", "1e3", #""1000""#), ("decimal", "1.5e-3", #""0.0015""#),
            ("decimal", "-0.10", #""-0.10""#),
            ("decimal", "12.345e1", #""123.45""#), ("decimal", "12.3e4", #""123000""#), ("decimal", "0e5", #""0""#),
            ("decimal", "0.00", #""0.00""#),
            ("decimal", #""1.50""#, #""1.50""#), ("decimal", #""01.50""#, #""1.50""#), ("decimal", #""\u0031""#, #""\u0031""#),
            (
                "decimal", "123456789012345678901234567890.123456789012345678901234567890",
                #""123456789012345678901234567890.123456789012345678901234567890""#
            ),
            ("decimal", "1e-1001", nil), ("decimal", "1e1000000000000", nil), ("decimal", #""abc""#, nil), ("decimal", "false", nil),
            ("string", "1.50", #""1.50""#), ("string", "true", #""true""#), ("string", #""\u0041""#, #""\u0041""#),
            ("string", #"{"b": "x"}"#, #""{\"b\": \"x\"}""#),
            ("boolean", "true", "true"), ("boolean", "1", "true"), ("boolean", "0", "false"), ("boolean", #""False""#, "false"),
            ("boolean", #""TRUE""#, "true"),
            ("boolean", #""1""#, "true"), ("boolean", "2", nil), ("boolean", #""yes""#, nil), ("boolean", "[]", nil),
            ("upper", #""aZé-1ß""#, #""AZÉ-1SS""#), ("lower", #""ABCz\u00c9""#, #""abczé""#), ("upper", #""a\"b""#, #""A\"B""#),
            ("upper", "1", nil),
            ("upper", #""\ud83d""#, nil), ("lower", #""AbC[`{@""#, #""abc[`{@""#), ("upper", #""abc[`{@""#, #""ABC[`{@""#),
        ] as [(String, String, String?)])
    func types(word: String, value: String, expected: String?) throws {
        let outcome = try outcome(value, .string(word))
        guard let expected else {
            #expect(outcome.rejection?.code == "invalid_value" && outcome.rejection?.field == "a", "\(outcome)")
            #expect(try self.outcome(value, .string(word), invalid: "pass") == .data(#"{"a":\#(value)}"#))
            return
        }
        #expect(outcome == .data(#"{"a":\#(expected)}"#))
    }

    private func time(_ value: String, _ from: String, _ to: String) throws -> RecordOutcome {
        try outcome(value, .map(["from": .string(from), "to": .string(to)]))
    }

    @Test(
        "Times",
        arguments: [
            ("0", "epoch_s", "iso8601", #""1970-01-01T00:00:00Z""#), ("1.5", "epoch_s", "iso8601", #""1970-01-01T00:00:01.5Z""#),
            ("-1", "epoch_ms", "iso8601", #""1969-12-31T23:59:59.999Z""#),
            ("951782400000", "epoch_ms", "iso8601", #""2000-02-29T00:00:00.000Z""#),
            ("1709164800000000", "epoch_us", "iso8601", #""2024-02-29T00:00:00.000000Z""#),
            ("1767225599123456789", "epoch_ns", "iso8601", #""2025-12-31T23:59:59.123456789Z""#),
            (#""1767225599123""#, "epoch_ms", "iso8601", #""2025-12-31T23:59:59.123Z""#),
            ("1.767225599123e12", "epoch_ms", "iso8601", #""2025-12-31T23:59:59.123Z""#),
            ("1767225599123", "epoch_ms", "epoch_s", "1767225599"), ("-1500", "epoch_ms", "epoch_s", "-2"),
            ("1767225599", "epoch_s", "epoch_ns", "1767225599000000000"),
            ("-62167219200", "epoch_s", "iso8601", #""0000-01-01T00:00:00Z""#), ("-62167219201", "epoch_s", "iso8601", nil),
            ("253402300799", "epoch_s", "iso8601", #""9999-12-31T23:59:59Z""#), ("253402300800", "epoch_s", "iso8601", nil),
            ("1e400", "epoch_s", "iso8601", nil), ("0.0000000001", "epoch_s", "iso8601", nil), ("1.10", "epoch_ns", "iso8601", nil),
            (#""2024-01-01T12:00:00Z""#, "iso8601", "epoch_ms", "1704110400000"),
            (#""2024-01-01T12:00:00.123456Z""#, "iso8601", "epoch_ms", "1704110400123"),
            (#""2024-01-01t12:00:00.123456789000+02:00""#, "iso8601", "epoch_ns", "1704103200123456789"),
            (#""2024-01-01 12:00:00-0530""#, "iso8601", "epoch_s", "1704130200"),
            (#""2024-01-01T12:00:00,5+02:00""#, "iso8601", "iso8601", #""2024-01-01T10:00:00.5Z""#),
            (#""1900-02-29T00:00:00Z""#, "iso8601", "epoch_s", nil),
            (#""2024-02-29T00:00:00Z""#, "iso8601", "epoch_s", "1709164800"), (#""2024-01-01T12:00:00""#, "iso8601", "epoch_s", nil),
            (#""2024-01-01""#, "iso8601", "epoch_s", nil),
            (#""2024-01-01T12:00:60Z""#, "iso8601", "epoch_s", nil), (#""2024-13-01T12:00:00Z""#, "iso8601", "epoch_s", nil),
            (#""2024-01-01T12:00:00.Z""#, "iso8601", "epoch_s", nil),
            (#""2024-01-01T12:00:00.1234567891Z""#, "iso8601", "epoch_s", nil), (#""2024-01-01T24:00:00Z""#, "iso8601", "epoch_s", nil),
            (#""2024-01-01T12:00:00.5""#, "iso8601", "epoch_s", nil), (#""2024-01-01T12:00:00+2:00""#, "iso8601", "epoch_s", nil),
            (#""0000-01-01T00:00:00+01:00""#, "iso8601", "epoch_s", nil),
            ("1704110400", "iso8601", "epoch_s", nil), (#""now""#, "epoch_s", "iso8601", nil), ("null", "epoch_s", "iso8601", "null"),
        ] as [(String, String, String, String?)])
    func times(value: String, from: String, to: String, expected: String?) throws {
        let outcome = try time(value, from, to)
        guard let expected else {
            #expect(outcome.rejection?.code == "invalid_value", "\(outcome)")
            return
        }
        #expect(outcome == .data(#"{"a":\#(expected)}"#))
    }

    @Test("Every time comes back as it went") func roundTrips() throws {
        var random = SeededGenerator(state: 5)
        let there = try ConvertTransformer.definition.make([
            "fields": .map(["a": .map(["from": .string("epoch_ns"), "to": .string("iso8601")])])
        ])
        let back = try ConvertTransformer.definition.make([
            "fields": .map(["a": .map(["from": .string("iso8601"), "to": .string("epoch_ns")])])
        ])
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: -62_167_219_200...253_402_300_799, using: &random)
            let nanoseconds = Int64.random(in: 0..<1_000_000_000, using: &random)
            let number = Int128(seconds) * 1_000_000_000 + Int128(nanoseconds)
            let sink = CollectingSink()
            OwnedBatch([Array(#"{"a":\#(number)}"#.utf8)]).run(there, into: sink)
            guard case .data(let text)? = sink.outcomes.first?.outcome else {
                Issue.record("\(number): \(sink.outcomes)")
                continue
            }
            OwnedBatch([Array(text.utf8)]).run(back, into: sink)
            if sink.outcomes[1].outcome != .data(#"{"a":\#(number)}"#) { Issue.record("\(number): \(text): \(sink.outcomes[1].outcome)") }
        }
    }

    @Test("Everything else keeps its bytes, and two fields of one name are refused") func keepsBytes() throws {
        let options: [String: ConfigValue] = ["fields": .map(["a": .string("integer"), "l[1].b": .string("string")])]
        #expect(
            try ConvertTransformer.definition.outcome(
                of: #" { "x" : 1.50 , "a" : "1" , "l" : [ 2 , { "b" : 3 } ] , "x" : [ ] } "#, options: options)
                == .data(#" { "x" : 1.50 , "a" : 1 , "l" : [ 2 , { "b" : "3" } ] , "x" : [ ] } "#))
        #expect(try ConvertTransformer.definition.outcome(of: #"{"a":"1","a":"2"}"#, options: options).rejection?.code == "duplicate_field")
        #expect(try ConvertTransformer.definition.outcome(of: #"{ "b":1 }"#, options: options) == .data(#"{ "b":1 }"#))
        let strict = options.merging(["missing": .string("reject")]) { $1 }
        #expect(try ConvertTransformer.definition.outcome(of: #"{"a":1}"#, options: strict).rejection?.field == "l[1].b")
    }

    @Test(
        "Mistakes are found when the file is checked",
        arguments: [
            (.string("intger"), "did you mean `integer`?"), (.string("iso8601"), "{ from: epoch_ms, to: iso8601 }"),
            (.string("pass"), "known are"),
            (.map(["from": .string("epoch_ms")]), "one of `epoch_s`"),
            (.map(["from": .string("epoch"), "to": .string("iso8601")]), "epoch_s"),
            (.map(["form": .string("a")]), "from: epoch_ms"), (.integer(1), "decimal"), (.list([]), "decimal"),
        ] as [(ConfigValue, String)])
    func mistakes(value: ConfigValue, hint: String) {
        let error = #expect(throws: OptionError.self) { try ConvertTransformer.definition.make(["fields": .map(["a": value])]) }
        #expect(error?.option == "fields" && error?.hint?.contains(hint) == true, "\(String(describing: error))")
    }
}

@Suite("flatten, unwrap, parse, split and decode")
struct ShapeStepTests {
    @Test("Names that would be the same are refused, wherever they come from") func collisions() throws {
        let flatten = FlattenTransformer.definition
        for text in [
            #"{"a":1,"a":2}"#, #"{"a.b":1,"a":{"b":2}}"#, #"{"a":{"b":1},"a":{"b":2}}"#, #"{"a":{"b":{"c":1}},"a.b":{"c":2}}"#,
            #"{"a":{"b":1},"\u0061.b":2}"#,
        ] {
            #expect(try flatten.outcome(of: text).rejection?.code == "duplicate_field", "\(text)")
        }
        #expect(try flatten.outcome(of: #"{"a":{"b":1},"a":{"c":2}}"#) == .data(#"{"a.b":1,"a.c":2}"#))
        #expect(
            try flatten.outcome(of: #"{"a\"":{"\u0062":1.50}}"#, options: ["separator": .string("\"")]) == .data(#"{"a\"\"\u0062":1.50}"#))
        #expect(try flatten.outcome(of: "{}") == .data("{}"))
    }

    @Test("Many names are found among many, batch after batch") func manyNames() throws {
        func object(_ names: Range<Int>) -> String { "{" + names.map { "\"n\($0)\":\($0)" }.joined(separator: ",") + "}" }
        let large = #"{"a":\#(object(0..<5000))}"#
        let flat = object(0..<5000).replacing("\"n", with: "\"a.n")
        let texts = [
            large, #"{"a":{"n1":1},"a.n1":2}"#, #"{"a":{"n1":1}}"#, large, #"{"a":\#(object(0..<3000)),"a.n2999":1}"#, #"{"x":{"y":1}}"#,
        ]
        let outcomes = try FlattenTransformer.definition.outcomes(of: texts.map { Array($0.utf8) })
        #expect(outcomes[0] == .data(flat) && outcomes[3] == .data(flat))
        #expect(outcomes[1].rejection?.field == "a.n1" && outcomes[4].rejection?.field == "a.n2999")
        #expect(outcomes[2] == .data(#"{"a.n1":1}"#) && outcomes[5] == .data(#"{"x.y":1}"#))
    }

    /// A name of 100 KB in front of 2,000 numbers would have been 200 MB.
    @Test("A long name in front of many values doesn't fill the memory") func bounded() throws {
        let name = String(repeating: "x", count: 100_000)
        let values = (0..<2000).map { "\"\($0)\":1" }.joined(separator: ",")
        #expect(try FlattenTransformer.definition.outcome(of: "{\"\(name)\":{\(values)}}").rejection?.code == "too_large")
        let split: [String: ConfigValue] = ["path": .string("l"), "keep": .strings("n"), "as": .string("x"), "most": .integer(100_000)]
        let many = "{\"n\":\"\(name)\",\"l\":[\(Array(repeating: "1", count: 2000).joined(separator: ","))]}"
        #expect(try SplitTransformer.definition.outcome(of: many, options: split).rejection?.code == "too_large")
    }

    @Test("What is unwrapped is passed on byte for byte") func unwraps() throws {
        func outcome(_ text: String, _ path: String) throws -> RecordOutcome {
            try UnwrapTransformer.definition.outcome(of: text, options: ["path": .string(path)])
        }
        #expect(try outcome(#"{"a":{"b": [ 1.50 , "\ud83d" ] }}"#, "a.b") == .data(#"[ 1.50 , "\ud83d" ]"#))
        #expect(try outcome(#"{"a":1,"a":2}"#, "a") == .data("2"))
        #expect(try outcome(#"[7,8]"#, "[1]") == .data("8"))
        #expect(try outcome("7", "a").rejection?.code == "missing_field")
        #expect(throws: OptionError.self) { try UnwrapTransformer.definition.make(["path": .string("a..b")]) }
    }

    @Test("Text that holds JSON becomes it, every digit kept") func parses() throws {
        func outcome(_ text: String, _ fields: String..., invalid: String = "reject") throws -> RecordOutcome {
            try ParseTransformer.definition.outcome(
                of: text, options: ["fields": .list(fields.map { .string($0) }), "invalid": .string(invalid)])
        }
        #expect(
            try outcome(#"{ "a" : "1.500000000000000000000001" , "b":1.0 }"#, "a")
                == .data(#"{ "a" : 1.500000000000000000000001 , "b":1.0 }"#))
        #expect(try outcome(#"{"a":["{\"x\":1,\"x\":2}"]}"#, "a[0]") == .data(#"{"a":[{"x":1,"x":2}]}"#))
        #expect(try outcome(#"{"a":null}"#, "a") == .data(#"{"a":null}"#))
        for value in ["1", "{}", #""{""#, #""""#, #""\ud83d""#, #""NaN""#] {
            #expect(try outcome(#"{"a":\#(value)}"#, "a").rejection?.code == "invalid_value", "\(value)")
            #expect(try outcome(#"{"a":\#(value)}"#, "a", invalid: "pass") == .data(#"{"a":\#(value)}"#))
        }
        let deep = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(try outcome(#"{"a":"\#(deep)"}"#, "a") == .data(#"{"a":\#(deep)}"#))
        #expect(try outcome(#"{"a":"[\#(deep)]"}"#, "a").rejection?.code == "invalid_value")
        #expect(try ParseTransformer.definition.outcome(of: "7").rejection?.code == "wrong_type")
        #expect(try ParseTransformer.definition.outcome(of: #""{""#).rejection?.code == "invalid_json")
        #expect(try ParseTransformer.definition.outcome(of: #""{""#, options: ["invalid": .string("pass")]) == .data(#""{""#))
    }

    @Test("A record is split as a whole, or refused as a whole") func splits() throws {
        func run(_ text: String, _ options: [String: ConfigValue]) throws -> [RecordOutcome] {
            let sink = CollectingSink()
            OwnedBatch([Array(text.utf8)]).run(try SplitTransformer.definition.make(options), into: sink)
            return sink.outcomes.map(\.outcome)
        }
        let path: [String: ConfigValue] = ["path": .string("l")]
        #expect(try run(#"{"l":[ 1.50 ,{"a": 1}]}"#, path) == [.data("1.50"), .data(#"{"a": 1}"#)])
        #expect(try run(#"{"l":null}"#, path).map { $0.rejection?.code } == ["missing_field"])
        #expect(try run("{}", path.merging(["missing": .string("skip")]) { $1 }) == [.filtered])
        #expect(try run(#"{"l":[1,2,3]}"#, path.merging(["most": .integer(2)]) { $1 }).map { $0.rejection?.code } == ["too_large"])
        let keep = path.merging(["keep": .strings("id", "u.n")]) { $1 }
        #expect(try run(#"{"l":[{},{"a":1}],"u":{"n":1,"m":2}}"#, keep) == [.data(#"{"u":{"n":1}}"#), .data(#"{"u":{"n":1},"a":1}"#)])
        #expect(try run(#"{"l":[{"a":1},2]}"#, keep).map { $0.rejection?.code } == ["wrong_type"])
        #expect(try run(#"{"l":[{"a":1},{"u":2}]}"#, keep).map { $0.rejection?.field } == ["u"])
        #expect(try run(#"{"l":[2,{}]}"#, path.merging(["as": .string("x")]) { $1 }) == [.data(#"{"x":2}"#), .data(#"{"x":{}}"#)])
        #expect(throws: OptionError.self) { try SplitTransformer.definition.make(["keep": .strings("a")]) }
        #expect(throws: OptionError.self) { try SplitTransformer.definition.make(keep.merging(["as": .string("id")]) { $1 }) }
    }

    @Test("Bytes become text") func decodes() throws {
        let decode = DecodeTransformer.definition
        for example in decode.examples { #expect(try decode.outcome(of: example) == example.outcome, "\(example.title)") }
        let values: [[UInt8]?] = [[0x61, 0x00, 0x0A], [0xFF, 0x61], nil, Array("é🚀".utf8)]
        let strict = try decode.outcomes(of: values, options: ["format": .string("text")])
        #expect(strict[0] == .data(#""a\u0000\n""#) && strict[1].rejection?.code == "invalid_utf8")
        #expect(strict[2].rejection?.code == "tombstone" && strict[3] == .data("\"é🚀\""))
        let lenient = try decode.outcomes(of: values, options: ["format": .string("text"), "invalid": .string("replace")])
        #expect(lenient[1] == .data("\"\u{FFFD}a\""))
    }
}
