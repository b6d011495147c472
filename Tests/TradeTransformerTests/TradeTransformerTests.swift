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
}
