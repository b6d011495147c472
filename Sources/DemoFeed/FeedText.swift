/// The feed's records as JSON. Names and addresses hold nothing that needs an escape.
enum FeedText {
    /// 9999-12-31T23:59:59.999Z
    static let latestMilliseconds: Int64 = 253_402_300_799_999

    static func token(_ token: FeedToken) -> [UInt8] {
        var text = Text(capacity: 256)
        text.add(#"{"Token":""#, token.address, #"","Symbol":""#, token.name.symbol, #"","Name":""#, token.name.name)
        text.add(#"","MetaInfo":"Initial price: $"#)
        text.add(decimal: token.initialPrice, places: 8)
        text.add(#"","TotalSupply":""#, String(token.totalSupply), #"","IsAMM":"#, token.isAMM ? "true" : "false")
        text.add(#","CreateTime":""#)
        text.add(time: token.createdMilliseconds)
        text.add(#""}"#)
        return text.bytes
    }

    static func trade(_ trade: FeedTrade, of token: FeedToken) -> [UInt8] {
        var text = Text(capacity: 352)
        text.add(#"{"Token":""#, token.address, #"","Wallet":""#, trade.wallet)
        text.add(#"","SellBuy":""#, trade.isBuy ? "buy" : "sell", #"","NativeAmount":""#)
        text.add(decimal: trade.nativeAmount, places: 6)
        text.add(#"","TokenAmount":""#)
        text.add(decimal: trade.tokenAmount, places: 6)
        text.add(#"","PriceUsd":""#)
        text.add(decimal: trade.price, places: 8)
        text.add(#"","TransTime":""#)
        text.add(time: trade.milliseconds)
        text.add(#"","TxHash":""#, trade.hash, #""}"#)
        return text.bytes
    }

    static func aggregate(of token: FeedToken, atMilliseconds milliseconds: Int64) -> [UInt8] {
        var text = Text(capacity: 2048)
        text.add(#"{"token":""#, token.address, #"","symbol":""#, token.name.symbol, #"","name":""#, token.name.name)
        text.add(#"","aggregate_data":["#)
        for (index, window) in token.windows.enumerated() {
            if index > 0 { text.add(",") }
            text.add(window, atMilliseconds: milliseconds)
        }
        text.add(#"],"generated_at":""#)
        text.add(time: milliseconds)
        text.add(#"","version":"1.0"}"#)
        return text.bytes
    }

    /// `0x` and this many digits.
    static func hexadecimal(digits: Int, _ random: inout SplitMix64) -> [UInt8] {
        var bytes = Array("0x".utf8)
        bytes.reserveCapacity(2 + digits)
        var bits: UInt64 = 0
        for digit in 0..<digits {
            if digit % 16 == 0 { bits = random.next() }
            let value = UInt8(bits & 0xF)
            bytes.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
            bits >>= 4
        }
        return bytes
    }
}

/// Bytes under construction.
private struct Text {
    var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func add(_ parts: any Piece...) {
        for part in parts { part.append(to: &bytes) }
    }

    mutating func add(_ window: FeedWindow, atMilliseconds milliseconds: Int64) {
        add(#"{"time_window":""#, window.name, #"","sell_count":"#, String(window.sellCount))
        add(#","buy_count":"#, String(window.buyCount), #","total_trades":"#)
        add(String(window.sellCount + window.buyCount), #","sell_volume":""#)
        add(decimal: window.sellVolume, places: 6)
        add(#"","buy_volume":""#)
        add(decimal: window.buyVolume, places: 6)
        add(#"","total_volume":""#)
        add(decimal: window.totalVolume, places: 6)
        add(#"","volume_usd":""#)
        add(decimal: window.totalVolume, places: 6)
        add(#"","price_change":"#)
        if window.priceChange < 0 { add("-") }
        add(decimal: abs(window.priceChange), places: 2)
        add(#","open_price":""#)
        add(decimal: window.openPrice, places: 8)
        add(#"","close_price":""#)
        add(decimal: window.closePrice, places: 8)
        add(#"","timestamp":""#)
        add(time: milliseconds)
        add(#""}"#)
    }

    /// A non-negative number of units of 10 to the minus `places`.
    mutating func add(decimal value: Int64, places: Int) {
        var divisor: Int64 = 1
        for _ in 0..<places { divisor *= 10 }
        add(String(value / divisor), ".")
        add(value % divisor, digits: places)
    }

    mutating func add(_ value: Int64, digits: Int) {
        let text = String(value)
        for _ in 0..<max(digits - text.utf8.count, 0) { bytes.append(UInt8(ascii: "0")) }
        add(text)
    }

    /// `YYYY-MM-DDThh:mm:ssZ`. The calendar is Howard Hinnant's `civil_from_days`
    /// (https://howardhinnant.github.io/date_algorithms.html), for days since 1970 only.
    mutating func add(time milliseconds: Int64) {
        let seconds = milliseconds / 1000
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        add(year, digits: 4)
        for (separator, value) in [
            ("-", month), ("-", day), ("T", seconds / 3_600 % 24), (":", seconds / 60 % 60), (":", seconds % 60),
        ] {
            add(separator)
            add(value, digits: 2)
        }
        add("Z")
    }
}

private protocol Piece { func append(to bytes: inout [UInt8]) }
extension String: Piece { fileprivate func append(to bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) } }
extension [UInt8]: Piece { fileprivate func append(to bytes: inout [UInt8]) { bytes.append(contentsOf: self) } }
