import CAllocationCounter
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

@testable import GenericTransformers

@Suite("Filter expressions")
struct FilterExpressionTests {
    /// What simple conditions are made of, and what only looks like them.
    private struct Author {
        var random: SeededGenerator

        static let names = [
            "a", "b", "and", "_x1", String(repeating: "l", count: 29), String(repeating: "l", count: 30), String(repeating: "l", count: 90),
        ]
        static let literals = [
            "null", "true", "false", "0", "-0", "1", "-1", "1.5", ".5", "2.", "1e2", "1E-2", "-12.25e+1", "9007199254740993", "1e400",
            "-1e400",
            "0.1", #""""#, #""a""#, #""ab""#, #""é""#, #""😀""#, #""null""#, #""true""#,
        ]
        static let values = [
            "null", "true", "false", "0", "-0", "-0.0", "1", "-1", "1.50", "0.5", "2", "100", "0.01", "-122.5", "9007199254740992",
            "9007199254740993", "1e400", "-1e400", "1e-400", "0.1", "0.1000000000000000055511151231257827",
            "123456789012345678901234567890", #""""#, #""a""#, #""ab""#, #""b""#, #""\u0061""#, #""\u00e9""#, #""é""#, #""\ud83d\ude00""#,
            #""a\u0000""#, #""null""#, "[]", "[1]", #"["a"]"#, "{}", #"{"a":1}"#, #"{"a":{"b":"a"}}"#, #"{"a":null,"a":1}"#,
            #"[{"a":1},{"b":"a"}]"#, #"[[1,2],"ab"]"#,
        ]

        mutating func pick(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }
        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        mutating func space() -> String { pick(["", " ", " ", "\n", " # note (\n"]) }

        mutating func path() -> String {
            if chance(8) { return "." }
            if chance(6) { return ".[\(pick(["0", "1", "7"]))]" + (chance(50) ? "" : "." + pick(Self.names)) }
            return (0..<Int.random(in: 1...3, using: &random)).map { place in
                switch Int.random(in: 0..<12, using: &random) {
                case 0: "." + quoted()
                case 1: (place == 0 ? "." : "") + "[" + quoted() + "]"
                case 2 where place > 0: "[" + pick(["0", "1", "00", "2147483"]) + "]"
                default: "." + pick(Self.names) + (chance(10) ? " " : "")
                }
            }.joined()
        }

        mutating func quoted() -> String { "\"" + pick(Self.names + ["a.b", "", "é"]) + "\"" }

        mutating func expression(_ depth: Int) -> String {
            if depth == 0 || chance(35) {
                switch Int.random(in: 0..<10, using: &random) {
                case 0: return pick(Self.literals)
                case 1: return path()
                default:
                    return path() + space() + pick(["==", "!=", "<", "<=", ">", ">="]) + space() + pick(Self.literals)
                }
            }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return "(" + space() + expression(depth - 1) + space() + ")"
            case 1: return "(" + expression(depth - 1) + " | not)"
            case 2: return expression(depth - 1) + space() + "|" + space() + "not"
            default: return expression(depth - 1) + " " + pick(["and", "or"]) + " " + expression(depth - 1)
            }
        }

        mutating func record(_ depth: Int = 2) -> String {
            if depth == 0 || chance(15) { return pick(Self.values) }
            let members = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                "\"\(pick(Self.names + [#"\u0061"#, "a.b"]))\":\(chance(60) ? pick(Self.values) : record(depth - 1))"
            }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    private func outcomes(_ expression: FilterExpression, _ records: [[UInt8]]) -> [RecordOutcome] {
        let sink = CollectingSink()
        OwnedBatch(records).run(FilterTransformer(expression), into: sink)
        return sink.outcomes.map(\.outcome)
    }

    /// Conditions are judged without jq; their author must not be able to tell.
    @Test("A condition has jq's outcome on every record, its errors word for word") func agreesWithJQ() throws {
        var author = Author(random: SeededGenerator(state: 2_024))
        var held = 0
        var failed = 0
        var count = 0
        for _ in 0..<40 {
            var group: [(text: String, tokens: JQTokens)] = []
            var conditions: [FilterCondition] = []
            for _ in 0..<60 where group.reduce(0, { $0 + $1.text.utf8.count }) < JQProgram.maximumBytes - 500 {
                let text = author.expression(3)
                let tokens = JQTokens(text)
                guard let condition = FilterCondition(tokens) else { continue }
                group.append((text, tokens))
                conditions.append(condition)
            }
            let jq = try JQProgram(group)
            for (index, condition) in conditions.enumerated() {
                let records = (0..<40).map { _ in Array(author.record().utf8) }
                let expected = outcomes(.program(jq, index: index), records)
                let actual = outcomes(.condition(condition), records)
                for (number, record) in records.enumerated() where actual[number] != expected[number] {
                    Issue.record(
                        "\(group[index].text) on \(String(decoding: record, as: UTF8.self)): \(actual[number]), jq: \(expected[number])")
                }
                held += expected.count { if case .data = $0 { true } else { false } }
                failed += expected.count { $0.rejection != nil }
                count += 1
            }
        }
        // The comparison is worth something: enough of each kind.
        #expect(count > 1_000 && held > 5_000 && failed > 1_000, "\(count) \(held) \(failed)")
    }

    @Test(
        "What is more than a condition is left to jq",
        arguments: [
            ".a == .b", "1 == .a", "1 == 1", ".a?", ".[-1]", ".a[1.5]", ".a[0:1]", ".a[]", #"."\u0061""#, #".a["\(.b)"]"#,
            #".a == "\u0061""#, #".a == "\(.b)""#, ".a // 1", ".a, .b",
            ".a == -(1)", "not", ".a and not", ".a | .b", "(.a == 1) == true", ".a == 1 == true", ".a + 1", #".a == @text "x""#, "$x",
            "if .a then .b else .c end", ".a == 1 # x\n | .b", "", "(", ")", ".a == \"", "(.a]",
        ])
    func leavesTheRest(text: String) { #expect(FilterCondition(JQTokens(text)) == nil) }

    @Test("Expressions that share a program have the outcome they have alone") func sharing() throws {
        let texts = [
            #".tags | index("hot")"#, ".a // .b", "[.a, .b] | any", ".[] | select(. == 1)", ".a | length > 1", "empty", "error",
            ".a * .b > 4",
            #".a | test("^x")"#, "try .a.b catch false", "label $out | 1, break $out", ". as {a: $x} | $x", ".. | select(. == 1)",
            "{a, b: 1} | .a", #""\(.a)x\(.b)" == "1x2""#, ".a.b? == 1", "[limit(1; .[])] | length > 0 # all", ".a % .b == 1",
            #".a == "\u0061)""#, "reduce .[] as $x (0; . + 1) > 1", "[..] | length > 2", ".a / .b",
        ]
        let records = [
            "null", "1", "[]", "{}", #"{"a":1,"b":2}"#, #"{"a":2,"b":3}"#, #"{"a":"xy","b":1000000000}"#, #"{"tags":["hot"]}"#, "[1,2]",
            #"{"a":{"b":1}}"#, #"{"a":"a)"}"#, #"{"a":-9223372036854775808,"b":-1}"#, #"{"a":5,"b":2}"#, #"{"tags":1}"#, "[[[1]]]",
        ].map { Array($0.utf8) }
        let together = FilterExpression.compile(texts)
        var programs: Set<ObjectIdentifier> = []
        for (text, outcome) in zip(texts, together) {
            let shared = try outcome.get()
            if case .program(let program, _) = shared { programs.insert(ObjectIdentifier(program)) }
            let alone = try FilterExpression.compile([text])[0].get()
            #expect(outcomes(shared, records) == outcomes(alone, records), "\(text)")
        }
        #expect(programs.count == 1)
    }

    @Test("A wrong one among many is found, by itself; the others are fine") func errorsAmongMany() throws {
        var texts = (0..<150).map { #".tags | index("t\#($0)")"# }
        texts[17] = ".tags |"
        texts[93] = ".tags) | (.x"
        texts[94] = "{a: $nowhere}"
        texts[120] = "length(1; 2)"
        let outcomes = FilterExpression.compile(texts)
        let wrong = outcomes.indices.filter { if case .failure = outcomes[$0] { true } else { false } }
        #expect(wrong == [17, 93, 94, 120])
        #expect(throws: FilterExpression.Invalid.self) { try outcomes[94].get() }
        if case .failure(let invalid) = outcomes[94] { #expect(invalid.reason.contains("$nowhere is not defined")) }
        if case .failure(let invalid) = outcomes[120] { #expect(invalid.reason.contains("length/2 is not defined")) }
        for index in outcomes.indices where !wrong.contains(index) {
            let expression = try outcomes[index].get()
            let records = ["t\(index)", "t\(index + 1)"].map { Array(#"{"tags":["\#($0)"]}"#.utf8) }
            #expect(self.outcomes(expression, records) == [.data(#"{"tags":["t\#(index)"]}"#), .filtered])
        }
    }

    /// `[repeat(1)] | length > 0` passed the check, and then held the consumer thread for ever on the first record. So
    /// did `index` on a record with an empty text; `todate` ended the process on a number that is no date.
    @Test(
        "What may never end, or end badly, is refused when the file is checked",
        arguments: [
            "[repeat(1)] | length > 0", "[range(1e12)] | length > 0", "until(false; .)", "[while(true; .)]", "[recurse(.)] | length > 1",
            "def f: f; f", "input", "[inputs] | length > 0", #"gsub(""; "x") == """#, #"sub("";"x";"g") == """#, ".a | index(.b)",
            #".a | indices("")"#, #".a | rindex("\(.b)")"#, "[combinations(9)] | length", ".a | todate", "halt", "debug", ".[.n] = 1",
            ".a |= 1", "setpath([.n]; 1)", #"{a: repeat(1)}"#, #""\(repeat(1))""#, ".[repeat(1):2]", "{(repeat(1)|tostring): 1}",
            "import \"x\" as x; .",
            "x::repeat(1)", #"[scan("")] == []"#, "paths", "path(..) | length > 1", #".a | split("";"g") | length > 1"#,
            #".a | match("";"g")"#, "$__prog_args, implode",
        ])
    func refused(text: String) {
        let error = #expect(throws: OptionError.self) { try FilterTransformer.definition.make(["where": .string(text)]) }
        #expect(error?.option == "where" && error?.hint != nil)
    }

    @Test(
        "Names of fields and keys are no functions",
        arguments: [
            ".repeat", ".a.input.def == 1", "{range: 1, while: 2} | .range", "{repeat} | .repeat", "1 as $input | $input",
            #"."def" == "repeat(1)""#,
            #".a | split(",") | length > 1"#, "[..] | length", "recurse | select(. == 1)", ".a | @text == \"1\"",
        ])
    func fieldNames(text: String) { #expect(throws: Never.self) { try FilterTransformer.definition.make(["where": .string(text)]) } }

    @Test("Every function that is allowed is one of jq's, and comes to an end on every kind of record") func functionsExist() throws {
        let names = FilterLanguage.functions
        let calls = [
            "all(.)", "any(.)", "contains(.)", "endswith(.)", "error(.)", "first(.)", "flatten(1)", "getpath(.)", "group_by(.)", "has(.)",
            "IN(.)", "in(.)", #"index("a")"#, #"indices("a")"#, "inside(.)", "isempty(.)", "join(.)", "last(.)", "limit(1; .)",
            "ltrimstr(.)", "map(.)",
            "map_values(.)", "max_by(.)", "min_by(.)", "nth(1)", "pow(.; .)", #"rindex("a")"#, "rtrimstr(.)",
            "select(.)", "sort_by(.)", "split(.)", "startswith(.)", "test(.)", "unique_by(.)", "with_entries(.)",
        ]
        let bare = names.filter { name in !calls.contains { $0.hasPrefix(name + "(") } }
        // What would hang or end the process does so here.
        let records = [
            "null", "true", "0", "-1", "0.5", "1e18", "-1e1000", #""""#, #""a""#, #""\u0000""#, #""é😀""#, #""nan""#, #""[[[[""#,
            #""1e1000""#, "[]", "[1]",
            "[null]", "[[]]", #"["a","b"]"#, "[1e18,-1e18]", #"["",""]"#, "{}", #"{"a":1}"#, #"{"a":{"b":[1,"x"]}}"#, #"[{"name":1}]"#,
            #"[{"key":null}]"#,
            #"[{"key":"a","value":1}]"#, #"{"a":"(","b":"a"}"#, #"["(a+)+$"]"#,
        ].map { Array($0.utf8) }
        for (text, outcome) in zip(calls + bare, FilterExpression.compile(calls + bare)) {
            let expression = try #require(try? outcome.get(), "\(text)")
            #expect(outcomes(expression, records).count == records.count)
        }
    }

    @Test(
        "Products and remainders that would end the process end in an error or a number",
        arguments: [
            (".s * .n", #"{"s":"ab","n":3000000000}"#, "expression_failed"),
            (".n * .s", #"{"s":"ab","n":3000000000}"#, "expression_failed"),
            (".a % .b == 0", #"{"a":-9223372036854775808,"b":-1}"#, nil), (".a % .b == 0", #"{"a":-9223372036854775808,"b":-1.5}"#, nil),
            (".a % .b == 1", #"{"a":7,"b":2}"#, nil), (".a * .b == 14", #"{"a":7,"b":2}"#, nil),
            (".a % 0", #"{"a":7}"#, "expression_failed"),
        ] as [(String, String, String?)])
    func arithmetic(text: String, record: String, code: String?) throws {
        let outcome = try FilterTransformer.definition.outcome(of: record, options: ["where": .string(text)])
        if let code { #expect(outcome.rejection?.code == code) } else { #expect(outcome == .data(record)) }
    }

    @Test("A condition allocates nothing per record", .enabled(if: allocation_count_is_available())) func allocations() throws {
        let text = #".level == "error" and (.user.id > 5 or .n <= 1) and (.gone | not)"#
        let batch = OwnedBatch(Array(repeating: Array(GenericTransformerTests.sample.utf8), count: 20))
        let transformer = try FilterTransformer.definition.make(["where": .string(text)])
        let sink = CountingSink()
        for _ in 0..<2 { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for _ in 0..<50 { batch.run(transformer, into: sink) }
        #expect(allocation_count() == before)
        #expect(sink.emitted == 52 * 20)
    }

    /// The factory compiled the expression again on the consumer thread, 21 ms each: fifty new filters held up all other
    /// routes for more than a second.
    @Test("Making an instance compiles nothing", .enabled(if: allocation_count_is_available())) func factories() throws {
        let definition = FilterTransformer.definition
        let options = [".level == 1", ".tags | contains([1])"].map {
            OptionValues(["where": .string($0)], defaultsOf: definition.options)
        }
        for factory in try definition.configureAll(options).map({ try $0.get() }) {
            _ = factory()
            let before = allocation_count()
            for _ in 0..<10 { _ = factory() }
            // jq allocates tens of thousands of times for a program.
            #expect(allocation_count() - before < 1_000)
        }
    }

    /// Two clusters' consumer threads may share a program.
    @Test("Threads that share a program don't mix up their records") func threads() async throws {
        let expressions = try FilterExpression.compile((0..<4).map { ".a | length == \($0)" }).map { try $0.get() }
        let lengths = await withTaskGroup(of: Bool.self) { group in
            for (length, expression) in expressions.enumerated() {
                group.addTask {
                    let records = (0..<400).map { Array("{\"a\":\"\(String(repeating: "x", count: $0 % 4))\"}".utf8) }
                    let sink = CollectingSink()
                    OwnedBatch(records).run(FilterTransformer(expression), into: sink)
                    return sink.outcomes.enumerated().allSatisfy { ($1.outcome != .filtered) == ($0 % 4 == length) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(lengths == [true, true, true, true])
    }
}
