import PatchbayAPI

/// Documented inputs and what becomes of them; each runs as a test.
enum TradeExamples {
    static let pascal = #"""
        {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678"}
        """#
    static let snake = #"""
        {"token":"0x0000000000000000000000000000000000000001","wallet":"0x0000000000000000000000000000000000000400","sell_buy":"buy","native_amount":"1000.000000","token_amount":"2500.500000","price_usd":"0.400000","trans_time":"2024-01-01T12:00:00Z","tx_hash":"0x1234567890abcdef1234567890abcdef12345678"}
        """#

    static let all: [TransformerExample] = [
        TransformerExample(title: "A trade passes unchanged", input: pascal, outcome: .data(pascal)),
        TransformerExample(title: "The other spelling passes unchanged too", input: snake, outcome: .data(snake)),
        TransformerExample(
            title: "An undeclared field passes along",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678","Pool":{"fee":0.30}}
                """#,
            outcome: .data(
                #"""
                {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678","Pool":{"fee":0.30}}
                """#)),
        TransformerExample(
            title: "Renamed for clients that expect snake_case",
            options: ["naming": .string("snake_case")], input: pascal, outcome: .data(snake)),
        TransformerExample(
            title: "Reduced to what a ticker shows",
            options: ["fields": .list([.string("Token"), .string("PriceUsd")])], input: pascal,
            outcome: .data(#"{"Token":"0x0000000000000000000000000000000000000001","PriceUsd":"0.400000"}"#)),
        TransformerExample(
            title: "A purchase is left out where only sales are wanted",
            options: ["sides": .list([.string("sell")])], input: pascal, outcome: .filtered),
        TransformerExample(
            title: "A token other than the ones asked for is left out",
            options: ["tokens": .list([.string("0x0000000000000000000000000000000000000002")])], input: pascal,
            outcome: .filtered),
        TransformerExample(
            title: "A trade must be a purchase or a sale",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"hold","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678"}
                """#,
            outcome: .rejected(code: "invalid_value", field: "SellBuy")),
        TransformerExample(
            title: "An amount has no exponent",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2.5e3","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678"}
                """#,
            outcome: .rejected(code: "invalid_value", field: "TokenAmount")),
        TransformerExample(
            title: "A field in both spellings has no single meaning",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400","SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000","TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678","token":"0x02"}
                """#,
            outcome: .rejected(code: "duplicate_field", field: "Token")),
        TransformerExample(
            title: "The value of a trade, and numbers for drawing",
            options: [
                "value_usd": .bool(true), "numbers": .list([.string("PriceUsd"), .string("ValueUsd")]),
                "fields": .list([.string("TokenAmount"), .string("PriceUsd")]),
            ], input: pascal,
            outcome: .data(
                #"""
                {"TokenAmount":"2500.500000","PriceUsd":"0.400000","PriceUsdNumber":0.400000,"ValueUsd":"1000.2","ValueUsdNumber":1000.2}
                """#)),
        TransformerExample(
            title: "A field that may be missing, and one that may not",
            options: ["optional": .list([.string("Wallet"), .string("TxHash")])],
            input: #"{"Token":"0x01","SellBuy":"buy","NativeAmount":"1","TokenAmount":"2","TransTime":"2024-01-01T12:00:00Z"}"#,
            outcome: .rejected(code: "missing_field", field: "PriceUsd")),
        TransformerExample(
            title: "What isn't JSON is refused",
            input: "Token=0x01", outcome: .rejected(code: "invalid_json", field: nil)),
    ]
}
