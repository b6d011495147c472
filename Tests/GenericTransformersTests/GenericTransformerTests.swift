import CAllocationCounter
import GenericTransformers
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

/// What filter, pick and rename have in common.
@Suite("The generic transformers")
struct GenericTransformerTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let definition: TransformerDefinition
        /// Options under which the sample passes.
        let options: [String: ConfigValue]
        var testDescription: String { definition.name }
    }

    static let sample =
        #"{"service":"api","level":"error","user":{"id":7,"name":"x"},"n":1.50,"list":[{"a":1}],"text":"{\"b\":[2]}","at":1767225599000}"#

    static let all = [
        Case(definition: FilterTransformer.definition, options: ["where": .string(#".level == "error""#)]),
        Case(definition: PickTransformer.definition, options: ["fields": .strings("level", "user.id", "n")]),
        Case(definition: JQTransformer.definition, options: ["program": .string("{service, level, n}")]),
        Case(
            definition: RenameTransformer.definition,
            options: ["fields": .map(["level": .string("severity"), "user.id": .string("number")])]),
        Case(definition: DropTransformer.definition, options: ["fields": .strings("level", "user.id", "list[0].a")]),
        Case(
            definition: SetTransformer.definition,
            options: [
                "fields": .map([
                    "source": .json(#""{@topic}-{@partition}""#), "user.id": .json(#"{"is":"{user.id}","n":[1.50]}"#),
                    "new.deep": .json(#""{user.name} {n}""#),
                ])
            ]),
        Case(
            definition: ConvertTransformer.definition,
            options: [
                "fields": .map([
                    "n": .string("decimal"), "level": .string("upper"), "user.id": .string("string"),
                    "at": .map(["from": .string("epoch_ms"), "to": .string("iso8601")]),
                ])
            ]),
        Case(definition: FlattenTransformer.definition, options: [:]),
        Case(definition: UnwrapTransformer.definition, options: ["path": .string("list[0]")]),
        Case(definition: ParseTransformer.definition, options: ["fields": .strings("text")]),
        Case(definition: SplitTransformer.definition, options: ["path": .string("list"), "keep": .strings("service", "user.id")]),
    ]

    @Test("Every example comes out as documented", arguments: all)
    func examples(_ generic: Case) throws {
        for example in generic.definition.examples {
            let outcome = try generic.definition.outcome(of: example)
            #expect(outcome == example.outcome, "\(example.title): \(outcome)")
        }
    }

    @Test("They have no type of their own, and document every option", arguments: all)
    func identity(_ generic: Case) {
        let definition = generic.definition
        #expect(definition.defaultType == nil)
        #expect(!definition.options.isEmpty && !definition.examples.isEmpty)
        #expect(definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
        if let shorthand = definition.shorthand { #expect(definition.options.contains { $0.name == shorthand }) }
    }

    @Test("What isn't JSON is rejected, tombstones too; the neighbours pass", arguments: all)
    func refuses(_ generic: Case) throws {
        let good = Array(Self.sample.utf8)
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        let outcomes = try generic.definition.outcomes(
            of: [good, nil, Array("{".utf8), Array(deep.utf8), [0x22, 0xFF, 0x22], [], good], options: generic.options)
        #expect(outcomes[1].rejection?.code == "tombstone")
        #expect(outcomes[2].rejection?.code == "invalid_json")
        #expect(outcomes[3].rejection?.code == "too_deep")
        #expect(outcomes[4].rejection?.code == "invalid_json" && outcomes[5].rejection?.code == "invalid_json")
        #expect(outcomes[0] == outcomes[6])
        guard case .data = outcomes[0] else {
            Issue.record("\(outcomes[0])")
            return
        }
    }

    @Test(
        "All but filters allocate nothing per record", .enabled(if: allocation_count_is_available()),
        arguments: all.filter { !["filter", "jq"].contains($0.definition.name) })
    func allocations(_ generic: Case) throws {
        let batch = OwnedBatch(Array(repeating: Array(Self.sample.utf8), count: 20))
        let transformer = try generic.definition.make(generic.options)
        let sink = CountingSink()
        for _ in 0..<2 { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for _ in 0..<50 { batch.run(transformer, into: sink) }
        #expect(allocation_count() == before)
        #expect(sink.emitted == 52 * 20)
    }
}

@Suite("The filter transformer")
struct FilterTransformerTests {
    private let definition = FilterTransformer.definition

    private func passes(_ expression: String, _ record: String) throws -> RecordOutcome {
        try definition.outcome(of: record, options: ["where": .string(expression)])
    }

    @Test(
        "Conditions as operators write them",
        arguments: [
            (".a", #"{"a":0}"#, true), (".a", #"{"a":false}"#, false), (".a", #"{"a":null}"#, false), (".a", "{}", false),
            (".a > 1 or .b", #"{"a":1,"b":true}"#, true), (".a | not", #"{"a":false}"#, true), ("empty", "{}", false),
            (".[] | select(. > 2)", "[1,2,3]", true), (#".name | test("^x.*z$")"#, #"{"name":"xyz"}"#, true),
            (#".level | IN("error","fatal")"#, #"{"level":"fatal"}"#, true), (".a == .b", #"{"a":[1],"b":[1]}"#, true),
            ("length > 2", "[1,2]", false), ("true, false", "{}", true), ("false, true", "{}", false),
            (#".a == "é""#, #"{"a":"\u00e9"}"#, true),
        ])
    func conditions(expression: String, record: String, passes: Bool) throws {
        #expect(try self.passes(expression, record) == (passes ? .data(record) : .filtered))
    }

    @Test("A failing expression rejects the record and says why; the next record is judged again")
    func failing() throws {
        let outcomes = try definition.outcomes(
            of: [#"{"a":1}"#, #"{"a":{"b":1}}"#, #"{"a":"x"}"#].map { Array($0.utf8) }, options: ["where": .string(".a.b")])
        #expect(outcomes[0].rejection?.code == "expression_failed")
        #expect(outcomes[0].rejection?.explanation.contains("Cannot index number") == true)
        #expect(outcomes[1] == .data(#"{"a":{"b":1}}"#))
        #expect(outcomes[2].rejection?.code == "expression_failed")
        #expect(try passes(#"error("mine")"#, "{}").rejection?.explanation.contains("mine") == true)
        #expect(try passes("error(null)", "{}") == .filtered || passes("error(null)", "{}").rejection != nil)
    }

    @Test(
        "A mistake in the expression is found when the file is checked",
        arguments: [
            ".level ==", ".a |", "nonsense(1)", "{", #""open"#, "import \"x\" as x; .", "",
        ])
    func mistakes(expression: String) {
        if expression.isEmpty {
            // Nothing is jq's identity; the option's own rule forbids it in a file.
            #expect(throws: Never.self) { try definition.make(["where": .string("")]) }
            return
        }
        let error = #expect(throws: OptionError.self) { try definition.make(["where": .string(expression)]) }
        #expect(error?.option == "where")
        #expect(error?.message.isEmpty == false && error?.message.contains("\n") == false)
    }

    @Test("Memory doesn't grow with records", .enabled(if: allocation_count_is_available()))
    func memory() throws {
        let good = Array(GenericTransformerTests.sample.utf8)
        let bad = Array(#"{"level":1}"#.utf8)
        let transformer = try definition.make(["where": .string(#".level | test("err")"#)])
        let sink = CountingSink()
        let batch = OwnedBatch(Array(repeating: good, count: 50) + Array(repeating: bad, count: 50))
        for _ in 0..<20 { batch.run(transformer, into: sink) }
        let before = residentPages()
        for _ in 0..<200 { batch.run(transformer, into: sink) }
        // 20,000 records of some kilobytes of jq's values each would be tens of megabytes.
        #expect(residentPages() - before < 2_000)
        #expect(sink.emitted == 220 * 50 && sink.rejected == 220 * 50)
    }
}

@Suite("Pick and rename")
struct PickAndRenameTests {
    @Test(
        "Paths that make no sense are refused",
        arguments: [
            ["a", "a"], ["a", "a.b"], ["a.b", "a"], [""], ["a..b"], [], ["a", #"["a"]"#], ["a[0]"], ["a[0].b"], ["a["], [" a"], [".a"],
        ])
    func badPaths(paths: [String]) {
        let value = ConfigValue.list(paths.map { .string($0) })
        #expect(throws: OptionError.self) { try PickTransformer.definition.make(["fields": value]) }
    }

    @Test("Duplicate members, escapes and nesting are copied as they are")
    func copies() throws {
        let pick = PickTransformer.definition
        let fields: [String: ConfigValue] = ["fields": .strings("a", "b.c")]
        #expect(try pick.outcome(of: #"{"a":1,"a": [ 2 ],"x":3}"#, options: fields) == .data(#"{"a":1,"a":[ 2 ]}"#))
        #expect(try pick.outcome(of: #"{"\u0061":"\u00e9"}"#, options: fields) == .data(#"{"\u0061":"\u00e9"}"#))
        #expect(try pick.outcome(of: #"{"b":{"d":1,"c":{"e":[]}}}"#, options: fields) == .data(#"{"b":{"c":{"e":[]}}}"#))
        #expect(try pick.outcome(of: #"{"b":7}"#, options: fields) == .data("{}"))
    }

    @Test("Names with dots, and fields of elements")
    func names() throws {
        let pick: [String: ConfigValue] = ["fields": .strings(#"a["b.c"]"#, "['d']")]
        #expect(
            try PickTransformer.definition.outcome(of: #"{"a":{"b.c":1,"b":{"c":2}},"d":[3],"e":4}"#, options: pick)
                == .data(#"{"a":{"b.c":1},"d":[3]}"#))
        let rename: [String: ConfigValue] = [
            "fields": .map(["l[1].a": .string("b.c"), #"["x.y"]"#: .string("z"), "m[0][0].n": .string("o")])
        ]
        #expect(
            try RenameTransformer.definition.outcome(
                of: #"{"l":[{"a":1},{"a": 2}, {"a":3}],"x.y":4,"x":{"y":5},"m":[[{"n":6},7]]}"#, options: rename)
                == .data(#"{"l":[{"a":1},{"b.c":2},{"a":3}],"z":4,"x":{"y":5},"m":[[{"o":6},7]]}"#))
        #expect(
            try RenameTransformer.definition.outcome(of: #"[{"a":1},{"a":2}]"#, options: ["fields": .map(["[1].a": .string("b")])])
                == .data(#"[{"a":1},{"b":2}]"#))
        #expect(throws: OptionError.self) { try RenameTransformer.definition.make(["fields": .map(["l[0]": .string("x")])]) }
    }

    @Test("New names are written as JSON")
    func newNames() throws {
        let options: [String: ConfigValue] = ["fields": .map(["a": .string("q\"uote")])]
        #expect(try RenameTransformer.definition.outcome(of: #"{"a":1}"#, options: options) == .data(#"{"q\"uote":1}"#))
        let twice: [String: ConfigValue] = ["fields": .map(["a": .string("x"), "b": .string("x")])]
        #expect(throws: OptionError.self) { try RenameTransformer.definition.make(twice) }
    }

    /// Random flat objects against a reference that works on lists of members.
    @Test func agreesWithAPlainReference() throws {
        var generator = SeededGenerator(state: 7)
        let names = ["a", "b", "c", "d", "e"]
        let pick = try PickTransformer.definition.make(["fields": .strings("a", "c", "e")])
        let rename = try RenameTransformer.definition.make(["fields": .map(["a": .string("z"), "c": .string("y")])])
        for _ in 0..<500 {
            let members = names.filter { _ in Bool.random(using: &generator) }.shuffled(using: &generator)
                .map { ($0, "\(Int.random(in: 0..<1000, using: &generator))") }
            func text(_ members: [(String, String)]) -> String {
                "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
            }
            let sink = CollectingSink()
            OwnedBatch([Array(text(members).utf8)]).run(pick, into: sink)
            OwnedBatch([Array(text(members).utf8)]).run(rename, into: sink)
            #expect(sink.outcomes[0].outcome == .data(text(members.filter { ["a", "c", "e"].contains($0.0) })))
            let renamed = members.map { (["a": "z", "c": "y"][$0.0] ?? $0.0, $0.1) }
            #expect(sink.outcomes[1].outcome == .data(text(renamed)))
        }
    }
}
