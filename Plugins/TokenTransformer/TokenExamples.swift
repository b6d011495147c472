import PatchbayAPI

/// Documented inputs and what becomes of them; each runs as a test.
enum TokenExamples {
    static let pascal = #"""
        {"Token":"0x0000000000000000000000000000000000000001","Symbol":"DOGCOI","Name":"DogeCoin","MetaInfo":"Initial price: $1.234567","TotalSupply":"5000000000","IsAMM":true,"CreateTime":"2024-01-01T12:00:00Z"}
        """#
    static let snake = #"""
        {"token":"0x0000000000000000000000000000000000000001","symbol":"DOGCOI","name":"DogeCoin","meta_info":"Initial price: $1.234567","total_supply":"5000000000","is_amm":true,"create_time":"2024-01-01T12:00:00Z"}
        """#

    static let all: [TransformerExample] = [
        TransformerExample(title: "A token launch passes unchanged", input: pascal, outcome: .data(pascal)),
        TransformerExample(title: "The other spelling passes unchanged too", input: snake, outcome: .data(snake)),
        TransformerExample(
            title: "Renamed for clients that expect snake_case",
            options: ["naming": .string("snake_case")], input: pascal, outcome: .data(snake)),
        TransformerExample(
            title: "Reduced to what a list of tokens shows",
            options: ["fields": .list([.string("Token"), .string("Symbol")])], input: pascal,
            outcome: .data(#"{"Token":"0x0000000000000000000000000000000000000001","Symbol":"DOGCOI"}"#)),
        TransformerExample(
            title: "A token on an automated market maker is left out",
            options: ["amm": .bool(false)], input: pascal, outcome: .filtered),
        TransformerExample(
            title: "A token other than the ones asked for is left out",
            options: ["tokens": .list([.string("0x0000000000000000000000000000000000000002")])], input: pascal,
            outcome: .filtered),
        TransformerExample(
            title: "An amount must be a string, or it would lose digits",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Symbol":"DOGCOI","Name":"DogeCoin","MetaInfo":"Initial price: $1.234567","TotalSupply":5000000000,"IsAMM":true,"CreateTime":"2024-01-01T12:00:00Z"}
                """#,
            outcome: .rejected(code: "wrong_type", field: "TotalSupply")),
        TransformerExample(
            title: "A day that doesn't exist is refused",
            input: #"""
                {"Token":"0x0000000000000000000000000000000000000001","Symbol":"DOGCOI","Name":"DogeCoin","MetaInfo":"Initial price: $1.234567","TotalSupply":"5000000000","IsAMM":true,"CreateTime":"2023-02-29T12:00:00Z"}
                """#,
            outcome: .rejected(code: "invalid_value", field: "CreateTime")),
        TransformerExample(
            title: "A field that may be missing",
            options: ["optional": .list([.string("MetaInfo")]), "fields": .list([.string("Token"), .string("MetaInfo")])],
            input: #"""
                {"Token":"0x01","Symbol":"DOGCOI","Name":"DogeCoin","TotalSupply":"5000000000","IsAMM":true,"CreateTime":"2024-01-01T12:00:00Z"}
                """#,
            outcome: .data(#"{"Token":"0x01"}"#)),
        TransformerExample(
            title: "A number beside an exact amount",
            options: ["numbers": .list([.string("TotalSupply")]), "fields": .list([.string("TotalSupply")])], input: pascal,
            outcome: .data(#"{"TotalSupply":"5000000000","TotalSupplyNumber":5000000000}"#)),
        TransformerExample(
            title: "What isn't JSON is refused",
            input: "Token=0x01", outcome: .rejected(code: "invalid_json", field: nil)),
    ]
}
