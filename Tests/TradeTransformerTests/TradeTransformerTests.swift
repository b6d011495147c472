import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import TradeTransformer

/// What only this one does; the rest is in DomainTransformerTests.
@Suite("The trade transformer")
struct TradeTransformerTests {
    static let definition = TradeTransformer.definition

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
        let text =
            #"{"TxHash" : "h","extra":1, "Wallet":"w","price_usd":"0.100000000000000000000001" ,"Token":"0xAb","SellBuy":"s\u0065ll","NativeAmount":"1","TokenAmount":"2","TransTime":"2024-01-01T12:00:00.5+02:00"}"#
        let options: [String: ConfigValue] = [
            "fields": .strings("Token", "PriceUsd", "TxHash", "SellBuy"), "naming": .string("snake_case"),
            "sides": .strings("sell"), "tokens": .strings("0xaB"),
        ]
        #expect(
            try Self.definition.outcome(of: text, options: options)
                == .data(#"{"tx_hash":"h","price_usd":"0.100000000000000000000001","token":"0xAb","sell_buy":"s\u0065ll"}"#))
    }

    private static let short = #"{"Token":"t","SellBuy":"buy","PriceUsd":"0.1","TokenAmount":"3","TransTime":"2024-01-01T12:00:00Z"}"#
    private static let optional = ConfigValue.strings("Wallet", "NativeAmount", "TxHash")

    @Test("The value is spelled like its price, or as `naming` says, and has a number where one is asked for")
    func value() throws {
        for (options, expected) in [
            (["value_usd": .bool(true)], #","ValueUsd":"0.3"}"#),
            (
                ["value_usd": .bool(true), "naming": .string("snake_case"), "numbers": .strings("ValueUsd")],
                #","value_usd":"0.3","value_usd_number":0.3}"#
            ),
            (["value_usd": .bool(true), "fields": .strings("Token")], #"{"Token":"t","ValueUsd":"0.3"}"#),
            (
                ["numbers": .strings("TokenAmount", "PriceUsd")],
                #""PriceUsd":"0.1","PriceUsdNumber":0.1,"TokenAmount":"3","TokenAmountNumber":3,"#
            ),
        ] as [([String: ConfigValue], String)] {
            let outcome = try Self.definition.outcome(of: Self.short, options: options.merging(["optional": Self.optional]) { $1 })
            guard case .data(let text) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(text.contains(expected), "\(text)")
        }
        let snake = Self.short.replacing("PriceUsd", with: "price_usd")
        let outcome = try Self.definition.outcome(of: snake, options: ["value_usd": .bool(true), "optional": Self.optional])
        #expect(outcome.description.hasSuffix(#","value_usd":"0.3"}"#), "\(outcome)")
    }

    @Test("Without one of the two amounts there is no value; what is in the record already is not doubled")
    func valueThatIsNot() throws {
        let options: [String: ConfigValue] = [
            "value_usd": .bool(true), "numbers": .strings("PriceUsd"), "optional": .strings("Wallet", "NativeAmount", "TxHash", "PriceUsd"),
        ]
        for missing in [Self.short.replacing(#""PriceUsd":"0.1","#, with: ""), Self.short.replacing(#""0.1""#, with: "null")] {
            #expect(try Self.definition.outcome(of: missing, options: options) == .data(missing))
        }
        for name in ["ValueUsd", "value_usd", "PriceUsdNumber", "price_usd_number"] {
            let outcome = try Self.definition.outcome(of: Self.short.replacing("{", with: "{\"\(name)\":1,"), options: options)
            #expect(outcome.example == .rejected(code: "duplicate_field", field: name))
        }
        // What `fields` leaves out is in nobody's way.
        var fewer = options.merging(["fields": .strings("Token", "PriceUsd")]) { $1 }
        let taken = Self.short.replacing("{", with: #"{"PriceUsdNumber":1,"value_usd":2,"#)
        #expect(
            try Self.definition.outcome(of: taken, options: fewer)
                == .data(#"{"Token":"t","PriceUsd":"0.1","PriceUsdNumber":0.1,"ValueUsd":"0.3"}"#))
        // Amounts may be written with escapes, and be longer than any number type.
        let escaped = taken.replacing(#""0.1""#, with: #""0.\u0031\u0030""#).replacing(
            #""3""#, with: #""\u0033\#(String(repeating: "0", count: 30))""#)
        fewer["numbers"] = .strings("ValueUsd")
        #expect(
            try Self.definition.outcome(of: escaped, options: fewer)
                == .data(
                    #"{"Token":"t","PriceUsd":"0.\u0031\u0030","ValueUsd":"300000000000000000000000000000","ValueUsdNumber":300000000000000000000000000000}"#
                ))
        let long = Self.short.replacing("0.1", with: String(repeating: "1", count: 401))
        #expect(try Self.definition.outcome(of: long, options: options).example == .rejected(code: "invalid_value", field: "PriceUsd"))
    }

    @Test("Fields that can't be meant are refused with a hint")
    func badFields() {
        for (options, option, hint) in [
            (["optional": .strings("PriceUSD")], "optional", "did you mean `PriceUsd`?"),
            (["required": .strings("price_usd")], "required", "did you mean `PriceUsd`?"),
            (["required": .strings("Token"), "optional": .strings("Token")], "optional", "leave it in one of them"),
            (["numbers": .strings("Token")], "numbers", "possible are `NativeAmount`, `TokenAmount`, `PriceUsd`"),
            (["numbers": .strings("TokenAmout")], "numbers", "did you mean `TokenAmount`?"),
            (["numbers": .strings("ValueUsd")], "numbers", "add `value_usd: true`"),
            (["numbers": .strings("PriceUsd"), "fields": .strings("Token")], "numbers", "name `PriceUsd` in `fields`, too"),
        ] as [([String: ConfigValue], String, String)] {
            let error = #expect(throws: OptionError.self) { try Self.definition.make(options) }
            #expect(error?.option == option && error?.hint == hint, "\(String(describing: error))")
        }
    }
}
