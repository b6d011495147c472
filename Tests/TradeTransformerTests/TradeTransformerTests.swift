import CAllocationCounter
import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import TradeTransformer

@Suite("The trade transformer")
struct TradeTransformerTests {
    static let definition = TradeTransformer.definition
    static let examples = definition.examples

    @Test("Every example comes out as documented", arguments: examples.indices)
    func example(_ index: Int) throws {
        let example = Self.examples[index]
        let outcome = try Self.definition.outcome(of: example.input, options: example.options)
        #expect(outcome.example == example.outcome, "\(example.title): \(outcome)")
    }

    @Test("It is named and typed as documented")
    func identity() {
        #expect(Self.definition.name == "trade")
        #expect(Self.definition.defaultType == "trade_data")
        #expect(Set(Self.definition.options.map(\.name)).isSuperset(of: ["naming", "fields", "tokens"]))
        #expect(Self.definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
        #expect(Set(Self.examples.map(\.title)).count == Self.examples.count)
    }

    @Test("The accepted fixtures pass byte for byte", arguments: try Fixture.lines("TradeTransformer", "accepted.jsonl"))
    func accepted(_ line: String) throws {
        #expect(try Self.definition.outcome(of: line) == .data(line))
    }

    @Test("The rejected fixtures are rejected for their reason", arguments: try Fixture.lines("TradeTransformer", "rejected.jsonl"))
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
        let record = Array(TradeExamples.pascal.utf8)
        let outcomes = try Self.definition.outcomes(of: [record, nil, record])
        #expect(outcomes == [.data(TradeExamples.pascal), .rejected(.tombstone), .data(TradeExamples.pascal)])
    }

    @Test("Every prefix of a record gets exactly one answer, a rejection")
    func prefixes() throws {
        let record = Array(TradeExamples.pascal.utf8)
        let outcomes = try Self.definition.outcomes(of: record.indices.map { Array(record[..<$0]) })
        #expect(outcomes.allSatisfy { $0.rejection?.code == "invalid_json" })
    }

    @Test("Unknown fields in `fields` are refused with a hint")
    func unknownField() {
        let error = #expect(throws: OptionError.self) { try Self.definition.make(["fields": .strings("PriceUSD")]) }
        #expect(error?.option == "fields")
        #expect(error?.hint == "did you mean `PriceUsd`?")
    }

    @Test("`tokens` compares hexadecimal addresses without regard to case")
    func tokens() throws {
        let text = TradeExamples.pascal
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
        let snake = try Self.definition.outcome(of: TradeExamples.pascal, options: ["naming": .string("snake_case")])
        guard case .data(let snakeText) = snake else { Issue.record("\(snake)"); return }
        let pascal = try Self.definition.outcome(of: snakeText, options: ["naming": .string("pascal_case")])
        guard case .data(let pascalText) = pascal else { Issue.record("\(pascal)"); return }
        #expect(snakeText != pascalText)
        #expect([snakeText, pascalText].contains(TradeExamples.pascal))
    }

    @Test("Nothing is allocated per record, with or without options", .enabled(if: allocation_count_is_available()))
    func allocations() throws {
        let variants: [[String: ConfigValue]] = [
            [:], ["naming": .string("pascal_case")], ["naming": .string("snake_case")],
            ["tokens": .strings("0x0000000000000000000000000000000000000001")], ["fields": .strings("PriceUsd")], ["sides": .strings("buy")],
        ]
        let lines = try Fixture.lines("TradeTransformer", "accepted.jsonl")
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

    @Test("`sides` keeps purchases, sales or both")
    func sides() throws {
        let buy = TradeExamples.pascal
        let sell = TradeExamples.snake.split(separator: "\"buy\"").joined(separator: "\"sell\"")
        for (sides, passing) in [(["buy"], [buy]), (["sell"], [sell]), (["buy", "sell"], [buy, sell]), (["sell", "sell"], [sell])] {
            for text in [buy, sell] {
                let options: [String: ConfigValue] = ["sides": .list(sides.map { .string($0) })]
                let outcome = try Self.definition.outcome(of: text, options: options)
                #expect(outcome == (passing.contains(text) ? .data(text) : .filtered))
            }
        }
    }

    @Test("Unknown and missing sides are refused")
    func badSides() {
        let error = #expect(throws: OptionError.self) { try Self.definition.make(["sides": .strings("buys")]) }
        #expect(error == OptionError(option: "sides", message: "there is no side `buys`", hint: "did you mean `buy`?"))
        #expect(throws: OptionError.self) { try Self.definition.make(["sides": .list([])]) }
    }

    @Test("Options together: reduced, renamed, and values to the last digit")
    func combined() throws {
        let text = #"{"TxHash" : "h","extra":1, "Wallet":"w","price_usd":"0.100000000000000000000001" ,"Token":"0xAb","SellBuy":"s\u0065ll","NativeAmount":"1","TokenAmount":"2","TransTime":"2024-01-01T12:00:00.5+02:00"}"#
        let options: [String: ConfigValue] = [
            "fields": .strings("Token", "PriceUsd", "TxHash", "SellBuy"), "naming": .string("snake_case"),
            "sides": .strings("sell"), "tokens": .strings("0xaB"),
        ]
        #expect(
            try Self.definition.outcome(of: text, options: options)
                == .data(#"{"tx_hash":"h","price_usd":"0.100000000000000000000001","token":"0xAb","sell_buy":"s\u0065ll"}"#))
    }
}
