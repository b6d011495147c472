import CAllocationCounter
import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import AggregateTransformer

@Suite("The aggregate transformer")
struct AggregateTransformerTests {
    static let definition = AggregateTransformer.definition
    static let examples = definition.examples

    @Test("Every example comes out as documented", arguments: examples.indices)
    func example(_ index: Int) throws {
        let example = Self.examples[index]
        let outcome = try Self.definition.outcome(of: example.input, options: example.options)
        #expect(outcome.example == example.outcome, "\(example.title): \(outcome)")
    }

    @Test("It is named and typed as documented")
    func identity() {
        #expect(Self.definition.name == "aggregate")
        #expect(Self.definition.defaultType == "aggregate_data")
        #expect(Set(Self.definition.options.map(\.name)).isSuperset(of: ["naming", "fields", "tokens"]))
        #expect(Self.definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
        #expect(Set(Self.examples.map(\.title)).count == Self.examples.count)
    }

    @Test("The accepted fixtures pass byte for byte", arguments: try Fixture.lines("AggregateTransformer", "accepted.jsonl"))
    func accepted(_ line: String) throws {
        #expect(try Self.definition.outcome(of: line) == .data(line))
    }

    @Test("The rejected fixtures are rejected for their reason", arguments: try Fixture.lines("AggregateTransformer", "rejected.jsonl"))
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
        let record = Array(AggregateExamples.twoWindows.utf8)
        let outcomes = try Self.definition.outcomes(of: [record, nil, record])
        #expect(outcomes == [.data(AggregateExamples.twoWindows), .rejected(.tombstone), .data(AggregateExamples.twoWindows)])
    }

    @Test("Every prefix of a record gets exactly one answer, a rejection")
    func prefixes() throws {
        let record = Array(AggregateExamples.twoWindows.utf8)
        let outcomes = try Self.definition.outcomes(of: record.indices.map { Array(record[..<$0]) })
        #expect(outcomes.allSatisfy { $0.rejection?.code == "invalid_json" })
    }

    @Test("Unknown fields in `fields` are refused with a hint")
    func unknownField() {
        let error = #expect(throws: OptionError.self) { try Self.definition.make(["fields": .strings("AggregateData")]) }
        #expect(error?.option == "fields")
        #expect(error?.hint == "did you mean `aggregate_data`?")
    }

    @Test("`tokens` compares hexadecimal addresses without regard to case")
    func tokens() throws {
        let text = AggregateExamples.twoWindows
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
        let snake = try Self.definition.outcome(of: AggregateExamples.twoWindows, options: ["naming": .string("snake_case")])
        guard case .data(let snakeText) = snake else { Issue.record("\(snake)"); return }
        let pascal = try Self.definition.outcome(of: snakeText, options: ["naming": .string("pascal_case")])
        guard case .data(let pascalText) = pascal else { Issue.record("\(pascal)"); return }
        #expect(snakeText != pascalText)
        #expect([snakeText, pascalText].contains(AggregateExamples.twoWindows))
    }

    @Test("Nothing is allocated per record, with or without options", .enabled(if: allocation_count_is_available()))
    func allocations() throws {
        let variants: [[String: ConfigValue]] = [
            [:], ["naming": .string("pascal_case")], ["naming": .string("snake_case")],
            ["tokens": .strings("0x0000000000000000000000000000000000000001")], ["fields": .strings("aggregate_data")], ["windows": .strings("1min")],
        ]
        let lines = try Fixture.lines("AggregateTransformer", "accepted.jsonl")
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

    @Test("`windows` keeps the ones asked for; with none left the record goes")
    func windows() throws {
        let both = AggregateExamples.twoWindows
        let one = AggregateExamples.snake
        let definition = Self.definition
        #expect(try definition.outcome(of: both, options: ["windows": .strings("1min", "1hour")]) == .data(both))
        #expect(try definition.outcome(of: both, options: ["windows": .strings("1min", "7min")]) == .data(one))
        #expect(try definition.outcome(of: both, options: ["windows": .strings("7min")]) == .filtered)
        let empty = #"{"token":"0x1","aggregate_data":[],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}"#
        #expect(try definition.outcome(of: empty) == .data(empty))
        #expect(try definition.outcome(of: empty, options: ["windows": .strings("1min")]) == .filtered)
        #expect(throws: OptionError.self) { try definition.make(["windows": .list([])]) }
        #expect(throws: OptionError.self) { try definition.make(["windows": .strings("1min", "")]) }
    }

    @Test("Kept windows are untouched, byte for byte, unless names change")
    func keepsWindowText() throws {
        let text = AggregateExamples.twoWindows.split(separator: "\"price_change\":2.5").joined(separator: "\"x\": [ 1.50 ],\"price_change\" : 2.50")
        let outcome = try Self.definition.outcome(
            of: text, options: ["windows": .strings("1min"), "fields": .strings("aggregate_data"), "naming": .string("pascal_case")])
        #expect(
            outcome
                == .data(
                    #"{"AggregateData":[{"TimeWindow":"1min","SellCount":15,"BuyCount":20,"TotalTrades":35,"SellVolume":"25000.000000","BuyVolume":"30000.000000","TotalVolume":"55000.000000","VolumeUsd":"55000.000000","x":[ 1.50 ],"PriceChange":2.50,"OpenPrice":"0.400000","ClosePrice":"0.410000","Timestamp":"2024-01-01T12:01:00Z"}]}"#
                ))
    }
}
