import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import AggregateTransformer
@testable import TokenTransformer
@testable import TradeTransformer

/// One of the transformers that are named by product, with what their common tests need to know.
struct DomainCase: Sendable, CustomTestStringConvertible {
    let definition: TransformerDefinition
    let defaultType: String
    /// Its folder under `Plugins/`.
    let plugin: String
    /// A valid record.
    let sample: String
    /// A field's name almost right, and right.
    let misspelt: (wrong: String, right: String)
    /// An option of its own, for the allocation count.
    let ownOption: (name: String, value: ConfigValue)

    /// Options that add members, and let one be missing.
    let additions: [String: ConfigValue]

    var testDescription: String { definition.name }

    static let all = [
        DomainCase(
            definition: TokenTransformer.definition, defaultType: "token_info", plugin: "TokenTransformer",
            sample: TokenExamples.pascal, misspelt: ("IsAmm", "IsAMM"), ownOption: ("amm", .bool(true)),
            additions: ["numbers": .strings("TotalSupply"), "optional": .strings("Name")]),
        DomainCase(
            definition: TradeTransformer.definition, defaultType: "trade_data", plugin: "TradeTransformer",
            sample: TradeExamples.pascal, misspelt: ("PriceUSD", "PriceUsd"), ownOption: ("sides", .strings("buy")),
            additions: ["value_usd": .bool(true), "numbers": .strings("PriceUsd"), "optional": .strings("Wallet")]),
        DomainCase(
            definition: AggregateTransformer.definition, defaultType: "aggregate_data", plugin: "AggregateTransformer",
            sample: AggregateExamples.twoWindows, misspelt: ("AggregateData", "aggregate_data"),
            ownOption: ("windows", .strings("1min")),
            additions: [
                "numbers": .strings("aggregate_data.open_price"), "optional": .strings("aggregate_data.price_change"),
            ]),
    ]

    func lines(_ file: String) throws -> [String] { try Fixture.lines(plugin, file) }
}
