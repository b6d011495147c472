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

    @Test("A record without windows has none of those asked for")
    func noWindows() throws {
        for text in [
            #"{"token":"0x01","generated_at":"2024-01-01T12:01:00Z","version":"1.0"}"#,
            #"{"token":"0x01","aggregate_data":null,"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}"#,
        ] {
            let optional = ConfigValue.strings("aggregate_data")
            #expect(try AggregateTransformer.definition.outcome(of: text, options: ["optional": optional]) == .data(text))
            #expect(
                try AggregateTransformer.definition.outcome(of: text, options: ["optional": optional, "windows": .strings("1min")])
                    == .filtered)
        }
    }

    @Test("Numbers stand beside amounts in windows, where the window has no field of that name")
    func numbersInWindows() throws {
        let options = ["numbers": ConfigValue.strings("aggregate_data.open_price", "aggregate_data.close_price")]
        let outcome = try AggregateTransformer.definition.outcome(of: AggregateExamples.snake, options: options)
        #expect(
            outcome
                == .data(
                    AggregateExamples.snake.replacing(
                        #""open_price":"0.400000""#, with: #""open_price":"0.400000","open_price_number":0.400000"#
                    )
                    .replacing(#""close_price":"0.410000""#, with: #""close_price":"0.410000","close_price_number":0.410000"#)))
        let taken = AggregateExamples.snake.replacing(#""open_price":"#, with: #""open_price_number":1,"open_price":"#)
        #expect(try AggregateTransformer.definition.outcome(of: taken, options: options).rejection?.code == "duplicate_field")
        #expect(throws: OptionError.self) {
            try AggregateTransformer.definition.make(options.merging(["fields": .strings("token")]) { $1 })
        }
    }

    @Test("A window without a name is none of those asked for")
    func namelessWindow() throws {
        let text = AggregateExamples.snake.replacing(#""time_window":"1min","#, with: "")
        #expect(try AggregateTransformer.definition.outcome(of: text).rejection?.code == "missing_field")
        let optional = ConfigValue.strings("aggregate_data.time_window")
        #expect(try AggregateTransformer.definition.outcome(of: text, options: ["optional": optional]) == .data(text))
        #expect(
            try AggregateTransformer.definition.outcome(of: text, options: ["optional": optional, "windows": .strings("1min")]) == .filtered
        )
    }
}
