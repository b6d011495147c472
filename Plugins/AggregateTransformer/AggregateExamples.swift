import PatchbayAPI

/// Documented inputs and what becomes of them; each runs as a test.
enum AggregateExamples {
    static let snake = #"""
        {"token":"0x0000000000000000000000000000000000000001","symbol":"DOGCOI","name":"DogeCoin","aggregate_data":[{"time_window":"1min","sell_count":15,"buy_count":20,"total_trades":35,"sell_volume":"25000.000000","buy_volume":"30000.000000","total_volume":"55000.000000","volume_usd":"55000.000000","price_change":2.5,"open_price":"0.400000","close_price":"0.410000","timestamp":"2024-01-01T12:01:00Z"}],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
        """#
    static let pascal = #"""
        {"Token":"0x0000000000000000000000000000000000000001","Symbol":"DOGCOI","Name":"DogeCoin","AggregateData":[{"TimeWindow":"1min","SellCount":15,"BuyCount":20,"TotalTrades":35,"SellVolume":"25000.000000","BuyVolume":"30000.000000","TotalVolume":"55000.000000","VolumeUsd":"55000.000000","PriceChange":2.5,"OpenPrice":"0.400000","ClosePrice":"0.410000","Timestamp":"2024-01-01T12:01:00Z"}],"GeneratedAt":"2024-01-01T12:01:00Z","Version":"1.0"}
        """#
    static let twoWindows = #"""
        {"token":"0x0000000000000000000000000000000000000001","symbol":"DOGCOI","name":"DogeCoin","aggregate_data":[{"time_window":"1min","sell_count":15,"buy_count":20,"total_trades":35,"sell_volume":"25000.000000","buy_volume":"30000.000000","total_volume":"55000.000000","volume_usd":"55000.000000","price_change":2.5,"open_price":"0.400000","close_price":"0.410000","timestamp":"2024-01-01T12:01:00Z"},{"time_window":"1hour","sell_count":150,"buy_count":200,"total_trades":350,"sell_volume":"250000.000000","buy_volume":"300000.000000","total_volume":"550000.000000","volume_usd":"550000.000000","price_change":-1.25,"open_price":"0.415000","close_price":"0.410000","timestamp":"2024-01-01T12:01:00Z"}],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
        """#

    static let all: [TransformerExample] = [
        TransformerExample(title: "An aggregate passes unchanged", input: snake, outcome: .data(snake)),
        TransformerExample(title: "The other spelling passes unchanged too", input: pascal, outcome: .data(pascal)),
        TransformerExample(
            title: "Renamed for clients that expect PascalCase, windows included",
            options: ["naming": .string("pascal_case")], input: snake, outcome: .data(pascal)),
        TransformerExample(
            title: "Reduced to one of two windows",
            options: ["windows": .list([.string("1min")])], input: twoWindows, outcome: .data(snake)),
        TransformerExample(
            title: "A record without any of the windows asked for is left out",
            options: ["windows": .list([.string("5min"), .string("15min")])], input: twoWindows, outcome: .filtered),
        TransformerExample(
            title: "Reduced to its head",
            options: ["fields": .list([.string("token"), .string("generated_at")])], input: snake,
            outcome: .data(
                #"{"token":"0x0000000000000000000000000000000000000001","generated_at":"2024-01-01T12:01:00Z"}"#)),
        TransformerExample(
            title: "A token other than the ones asked for is left out",
            options: ["tokens": .list([.string("0x0000000000000000000000000000000000000002")])], input: snake,
            outcome: .filtered),
        TransformerExample(
            title: "A mistake inside a window is reported with its path",
            input: #"""
                {"token":"0x0000000000000000000000000000000000000001","symbol":"DOGCOI","name":"DogeCoin","aggregate_data":[{"time_window":"1min","sell_count":15,"buy_count":20,"total_trades":35,"sell_volume":25000.0,"buy_volume":"30000.000000","total_volume":"55000.000000","volume_usd":"55000.000000","price_change":2.5,"open_price":"0.400000","close_price":"0.410000","timestamp":"2024-01-01T12:01:00Z"}],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
                """#,
            outcome: .rejected(code: "wrong_type", field: "aggregate_data[0].sell_volume")),
        TransformerExample(
            title: "Counts are whole numbers",
            input: #"""
                {"token":"0x0000000000000000000000000000000000000001","symbol":"DOGCOI","name":"DogeCoin","aggregate_data":[{"time_window":"1min","sell_count":15.5,"buy_count":20,"total_trades":35,"sell_volume":"25000.000000","buy_volume":"30000.000000","total_volume":"55000.000000","volume_usd":"55000.000000","price_change":2.5,"open_price":"0.400000","close_price":"0.410000","timestamp":"2024-01-01T12:01:00Z"}],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
                """#,
            outcome: .rejected(code: "invalid_value", field: "aggregate_data[0].sell_count")),
        TransformerExample(
            title: "A field that may be missing is asked for",
            options: ["required": .list([.string("symbol")])],
            input: #"{"token":"0x01","aggregate_data":[],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}"#,
            outcome: .rejected(code: "missing_field", field: "symbol")),
        TransformerExample(
            title: "Windows with a number beside a price, and without figures that this producer doesn't have",
            options: [
                "optional": .list(
                    ["sell_count", "buy_count", "sell_volume", "buy_volume", "volume_usd", "price_change", "timestamp"].map {
                        .string("aggregate_data.\($0)")
                    }),
                "numbers": .list([.string("aggregate_data.open_price")]), "fields": .list([.string("aggregate_data")]),
            ],
            input: #"""
                {"token":"0x01","aggregate_data":[{"time_window":"1min","total_trades":3,"total_volume":"5","open_price":"0.40","close_price":"0.41"}],"generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
                """#,
            outcome: .data(
                #"""
                {"aggregate_data":[{"time_window":"1min","total_trades":3,"total_volume":"5","open_price":"0.40","open_price_number":0.40,"close_price":"0.41"}]}
                """#)),
        TransformerExample(
            title: "What isn't JSON is refused",
            input: "token=0x01", outcome: .rejected(code: "invalid_json", field: nil)),
    ]
}
