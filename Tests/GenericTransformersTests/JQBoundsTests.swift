import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import GenericTransformers

/// Programs that would take any memory or any time, on records that are harmless: with small bounds, so that a fault here costs little.
@Suite("Bounds of jq")
struct JQBoundsTests {
    private func program(_ text: String, megabytes: Int64 = 16, steps: Int64 = 2_000_000) throws -> JQProgram {
        try JQProgram([(text, JQTokens(text))], bounds: JQProgram.Bounds(bytes: megabytes << 20, steps: steps))
    }

    private func verdict(of program: JQProgram, on record: String) -> FilterExpression.Verdict {
        Array(record.utf8).withUnsafeBytes { program.verdict(of: 0, on: $0) }
    }

    private static func list(_ count: Int) -> String { "[\((0..<count).map(String.init).joined(separator: ","))]" }

    @Test("libjq calls the functions that count") func inForce() { #expect(JQProgram.Bounds.areInForce) }

    private static let memory = "it takes more than 16 MiB of memory, beside 16 bytes for each byte of the record"
    private static let steps = "it takes more than 2000000 steps, beside 50 for each byte of the record"
    private static let levels = "it makes a value of more than 1000 levels"

    private static let growing: [(program: String, words: String)] = [
        (#"reduce .[] as $x ("x"; . + .)"#, memory), (#"reduce .[] as $x ("x"; "\(.)\(.)") | length"#, memory),
        ("reduce .[] as $x ([0]; . + .)", memory), (#"[foreach .[] as $x ("x"; . + .)] | length"#, memory),
        (#"reduce .[] as $x (["x"]; [add, add]) | length"#, memory), (#"reduce .[] as $x ("x"; [., .] | join("")) | length"#, memory),
        (
            #"[.[] as $a | .[] as $b | "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\($a)xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\($b)xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"] | length"#,
            memory
        ),
        (#"reduce .[] as $x ("x"; if utf8bytelength < 2000000 then . + . else . end) | explode | length"#, memory),
        (#"reduce .[] as $x ("x"; if utf8bytelength < 2000000 then . + . else . end) | split("") | length"#, memory),
        (#"reduce .[] as $x ("x"; if utf8bytelength < 2000000 then . + . else . end) | (. / "x") | length"#, memory),
        (#"reduce .[] as $x ("x"; if utf8bytelength < 2000000 then . + . else . end) | indices("x") | length"#, memory),
        (#"reduce .[] as $x ("[]"; if utf8bytelength < 2000000 then . + "," + . else . end) | "[\(.)]" | fromjson | length"#, memory),
        ("reduce .[] as $x (0; [., .]) | tojson | length", steps), ("reduce .[] as $x (0; [., .]) | tostring | length", steps),
        (#"reduce .[] as $x (0; {a: ., b: .}) | "\(.)" | length"#, steps), ("reduce .[] as $x (0; [., .]) | @json | length", steps),
        ("reduce .[] as $x (0; [., .]) | error", steps),
        (#"reduce .[] as $x ([.[] | tostring] | join(","); [., .]) | tojson | length"#, memory),
        (".[] as $a | .[] as $b | .[] as $c | select($a + $b == -1)", steps),
        ("(reduce .[] as $x (0; [., .])) as $a | (reduce .[] as $x (0; [., .])) as $b | $a == $b", steps),
        ("(reduce .[] as $x (0; [., .])) as $a | (reduce .[] as $x (0; [., .])) as $b | [$a, $b] | unique", steps),
        ("(reduce .[] as $x (0; [., .])) as $a | (reduce .[] as $x (1; [., .])) as $b | $a | contains($b)", steps),
        ("reduce (.[], .[], .[], .[], .[], .[]) as $x (null; [.]) | tojson", levels),
        ("(reduce .[] as $x (0; {a: ., b: .})) as $a | (reduce .[] as $x (0; {a: ., b: .})) as $b | $a < $b", steps),
        ("(reduce .[] as $x (0; {a: ., b: .})) as $a | (reduce .[] as $x (0; {a: ., b: .})) as $b | $a == $b", steps),
        (
            "(reduce (.[], .[], .[], .[]) as $x (null; [.])) as $a | (reduce (.[], .[], .[], .[]) as $x (null; [.])) as $b | [$a, $b] | sort",
            levels
        ),
        (
            "(reduce (.[], .[], .[], .[]) as $x (null; {a: .})) as $a | (reduce (.[], .[], .[], .[]) as $x (null; {a: .})) as $b | $a == $b",
            levels
        ),
    ]

    @Test("What would grow without end fails with what it exceeds, and the next record is judged as ever", arguments: growing)
    func growth(_ text: String, _ words: String) throws {
        let program = try program(text)
        #expect(verdict(of: program, on: Self.list(300)) == .failed(words))
        let small = verdict(of: program, on: "[1]")
        #expect(small != .failed(words))
        #expect(verdict(of: program, on: Self.list(300)) == .failed(words) && verdict(of: program, on: "[1]") == small)
    }

    @Test("A value of any depth is freed without the stack")
    func depth() throws {
        let program = try program("reduce .[] as $x (null; [.]) | 1", megabytes: 1_024, steps: 100_000_000)
        #expect(verdict(of: program, on: Self.list(300_000)) == .holds)
    }

    @Test("What a record itself takes counts, too")
    func record() throws {
        let record = "[\(Array(repeating: "[]", count: 350_000).joined(separator: ","))]"
        #expect(verdict(of: try program("length > 1"), on: record) == .failed(Self.memory))
        #expect(verdict(of: try JQProgram([("length > 1", JQTokens("length > 1"))]), on: record) == .holds)
    }

    @Test("Programs as operators write them stay within the bounds, on records of a megabyte as well")
    func ordinary() throws {
        let record = "[\((0..<20_000).map { #"{"id":\#($0),"group":"g\#($0 % 100)","price":1.5}"# }.joined(separator: ","))]"
        for text in [
            "map(select(.price > 1)) | length > 0", "group_by(.group) | map({key: .[0].group, value: (map(.price) | add)}) | from_entries",
            "[.[] | .group] | unique | join(\",\")", "reduce .[] as $x ({}; .[$x.group] += $x.price)", "map(tojson | fromjson) | length",
            "[.. | numbers] | add",
        ] {
            let program = try JQProgram([(text, JQTokens(text))])
            #expect(verdict(of: program, on: record) == .holds, "\(text)")
        }
    }

    @Test("The steps filter and jq reject the record")
    func steps() throws {
        let text = #"reduce .[] as $x ("x"; . + .)"#
        let filter = try FilterTransformer.definition.outcome(of: Self.list(300), options: ["where": .string(text)])
        let jq = try JQTransformer.definition.outcome(of: Self.list(300), options: ["program": .string(text)])
        for rejection in [filter.rejection, jq.rejection] {
            #expect(rejection?.code == "expression_failed")
            #expect(rejection?.explanation.contains("more than 128 MiB of memory") == true)
        }
    }
}
