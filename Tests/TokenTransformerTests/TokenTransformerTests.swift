import CAllocationCounter
import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import TokenTransformer

@Suite("The token transformer")
struct TokenTransformerTests {
    static let definition = TokenTransformer.definition
    static let examples = definition.examples

    @Test("Every example comes out as documented", arguments: examples.indices)
    func example(_ index: Int) throws {
        let example = Self.examples[index]
        let outcome = try Self.definition.outcome(of: example.input, options: example.options)
        #expect(outcome.example == example.outcome, "\(example.title): \(outcome)")
    }

    @Test("It is named and typed as documented")
    func identity() {
        #expect(Self.definition.name == "token")
        #expect(Self.definition.defaultType == "token_info")
        #expect(Set(Self.definition.options.map(\.name)).isSuperset(of: ["naming", "fields", "tokens"]))
        #expect(Self.definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
        #expect(Set(Self.examples.map(\.title)).count == Self.examples.count)
    }

    @Test("The accepted fixtures pass byte for byte", arguments: try Fixture.lines("TokenTransformer", "accepted.jsonl"))
    func accepted(_ line: String) throws {
        #expect(try Self.definition.outcome(of: line) == .data(line))
    }

    @Test("The rejected fixtures are rejected for their reason", arguments: try Fixture.lines("TokenTransformer", "rejected.jsonl"))
    func rejected(_ line: String) throws {
        let fixture = try RejectedFixture(line: line)
        let outcome = try Self.definition.outcome(of: fixture.record)
        #expect(outcome.example == .rejected(code: fixture.code, field: fixture.field), "\(fixture): \(outcome)")
        let explanation = outcome.rejection?.explanation ?? ""
        #expect(explanation.contains(fixture.field ?? "record"))
    }

    @Test(
        "What isn't a record at all is rejected",
        arguments: [
            ("", "invalid_json"), ("{", "invalid_json"), ("[]", "not_an_object"), ("7", "not_an_object"),
            ("{}", "missing_field"), (String(repeating: "[", count: 65) + String(repeating: "]", count: 65), "too_deep"),
            ("\"" + String(repeating: "x", count: 1 << 20) + "\"", "too_large"),
        ])
    func refuses(_ text: String, _ code: String) throws {
        #expect(try Self.definition.outcome(of: text).rejection?.code == code)
    }

    @Test("A tombstone is rejected, and its neighbours pass")
    func tombstone() throws {
        let record = Array(TokenExamples.pascal.utf8)
        let outcomes = try Self.definition.outcomes(of: [record, nil, record])
        #expect(outcomes == [.data(TokenExamples.pascal), .rejected(.tombstone), .data(TokenExamples.pascal)])
    }

    @Test("Every prefix of a record gets exactly one answer, a rejection")
    func prefixes() throws {
        let record = Array(TokenExamples.pascal.utf8)
        let outcomes = try Self.definition.outcomes(of: record.indices.map { Array(record[..<$0]) })
        #expect(outcomes.allSatisfy { $0.rejection?.code == "invalid_json" })
    }

    @Test("Unknown fields in `fields` are refused with a hint")
    func unknownField() {
        let error = #expect(throws: OptionError.self) { try Self.definition.make(["fields": .strings("IsAmm")]) }
        #expect(error?.option == "fields")
        #expect(error?.hint == "did you mean `IsAMM`?")
    }

    @Test("`tokens` compares hexadecimal addresses without regard to case")
    func tokens() throws {
        let text = TokenExamples.pascal
        let address = "0X0000000000000000000000000000000000000001"
        #expect(try Self.definition.outcome(of: text, options: ["tokens": .strings("0x02", address)]) == .data(text))
        #expect(try Self.definition.outcome(of: text, options: ["tokens": .strings("0x02")]) == .filtered)
        #expect(throws: OptionError.self) { try Self.definition.make(["tokens": .list([])]) }
    }

    @Test("A broken record is rejected even when an option would leave it out")
    func checksBeforeFiltering() throws {
        let outcome = try Self.definition.outcome(of: #"{"token":"0x1"}"#, options: ["tokens": .strings("0x02")])
        #expect(outcome.rejection?.code == "missing_field")
    }

    @Test("The other naming and back leaves the record as it was")
    func roundTrip() throws {
        let snake = try Self.definition.outcome(of: TokenExamples.pascal, options: ["naming": .string("snake_case")])
        guard case .data(let snakeText) = snake else { Issue.record("\(snake)"); return }
        let pascal = try Self.definition.outcome(of: snakeText, options: ["naming": .string("pascal_case")])
        guard case .data(let pascalText) = pascal else { Issue.record("\(pascal)"); return }
        #expect(snakeText != pascalText)
        #expect([snakeText, pascalText].contains(TokenExamples.pascal))
    }

    @Test("Nothing is allocated per record, with or without options", .enabled(if: allocation_count_is_available()))
    func allocations() throws {
        let variants: [[String: ConfigValue]] = [
            [:], ["naming": .string("pascal_case")], ["naming": .string("snake_case")],
            ["tokens": .strings("0x0000000000000000000000000000000000000001")], ["fields": .strings("IsAMM")], ["amm": .bool(true)],
        ]
        let lines = try Fixture.lines("TokenTransformer", "accepted.jsonl")
        let batch = OwnedBatch(lines.map { Array($0.utf8) })
        for options in variants {
            let transformer = try Self.definition.make(options)
            let sink = CountingSink()
            for _ in 0..<2 { batch.run(transformer, into: sink) }
            let before = allocation_count()
            for _ in 0..<50 { batch.run(transformer, into: sink) }
            #expect(allocation_count() == before, "\(options)")
            #expect(sink.rejected == 0)
            #expect(sink.emitted + sink.filtered == 52 * lines.count)
        }
    }

    @Test("`amm` keeps one sort only")
    func amm() throws {
        let yes = TokenExamples.pascal
        let no = TokenExamples.snake.split(separator: "true").joined(separator: "false")
        for (text, isAMM) in [(yes, true), (no, false)] {
            for wanted in [true, false] {
                let outcome = try Self.definition.outcome(of: text, options: ["amm": .bool(wanted)])
                #expect(outcome == (isAMM == wanted ? .data(text) : .filtered))
            }
            #expect(try Self.definition.outcome(of: text) == .data(text))
        }
    }
}
