import Foundation

/// Records of the three domain types; `number` comes back in a field of the message.
public enum Sample {
    public static func trade(_ number: Int) -> String {
        """
        {"Token":"0x01","Wallet":"0x02","SellBuy":"buy","NativeAmount":"1.5","TokenAmount":"2.000000","PriceUsd":"0.4",\
        "TransTime":"2024-01-01T12:00:00Z","TxHash":"0x03","Seq":\(number)}
        """
    }

    public static let token = """
        {"Token":"0x01","Symbol":"DOG","Name":"DogeCoin","MetaInfo":"","TotalSupply":"5000000000","IsAMM":true,\
        "CreateTime":"2024-01-01T12:00:00Z"}
        """

    public static let aggregate = """
        {"token":"0x01","aggregate_data":[{"time_window":"1min","sell_count":1,"buy_count":2,"total_trades":3,\
        "sell_volume":"1.0","buy_volume":"2.0","total_volume":"3.0","volume_usd":"3.0","price_change":2.5,\
        "open_price":"0.4","close_price":"0.5","timestamp":"2024-01-01T12:01:00Z"}],\
        "generated_at":"2024-01-01T12:01:00Z","version":"1.0"}
        """

    /// The number of a trade message.
    public static func number(_ message: WebSocketTestClient.Envelope) -> Int? {
        guard let range = message.data.range(of: "\"Seq\":") else { return nil }
        return Int(message.data[range.upperBound...].prefix { $0.isNumber })
    }
}
