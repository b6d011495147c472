import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import AggregateTransformer

/// What only this one does; the rest is in DomainTransformerTests.
@Suite("The aggregate transformer")
struct AggregateTransformerTests {
    static let definition = AggregateTransformer.definition

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
        let text = AggregateExamples.twoWindows.split(separator: "\"price_change\":2.5").joined(
            separator: "\"x\": [ 1.50 ],\"price_change\" : 2.50")
        let outcome = try Self.definition.outcome(
            of: text, options: ["windows": .strings("1min"), "fields": .strings("aggregate_data"), "naming": .string("pascal_case")])
        #expect(
            outcome
                == .data(
                    #"{"AggregateData":[{"TimeWindow":"1min","SellCount":15,"BuyCount":20,"TotalTrades":35,"SellVolume":"25000.000000","BuyVolume":"30000.000000","TotalVolume":"55000.000000","VolumeUsd":"55000.000000","x":[ 1.50 ],"PriceChange":2.50,"OpenPrice":"0.400000","ClosePrice":"0.410000","Timestamp":"2024-01-01T12:01:00Z"}]}"#
                ))
    }
}
