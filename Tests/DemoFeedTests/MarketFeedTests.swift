import AggregateTransformer
import DemoFeed
import PatchbayAPI
import PatchbayJSON
import Testing
import TokenTransformer
import TradeTransformer
import TransformerTestSupport

@Suite("The demo's market")
struct MarketFeedTests {
    static let start: Int64 = 1_704_110_340_000  // 2024-01-01T11:59:00Z

    static func records(_ count: Int, seed: UInt64 = 1, mix: FeedMix = FeedMix(), stepMilliseconds: Int64 = 7) -> [FeedRecord] {
        var feed = MarketFeed(seed: seed, mix: mix)
        return (0..<count).map { feed.next(nowMilliseconds: start + Int64($0) * stepMilliseconds) }
    }

    @Test("Every record passes its transformer unchanged", arguments: [1, 2, 3, 99] as [UInt64])
    func passesTransformers(_ seed: UInt64) throws {
        let records = Self.records(20_000, seed: seed)
        let definitions: [(FeedRecord.Kind, TransformerDefinition)] = [
            (.token, TokenTransformer.definition), (.trade, TradeTransformer.definition),
            (.aggregate, AggregateTransformer.definition),
        ]
        for (kind, definition) in definitions {
            let values = records.filter { $0.kind == kind }.map(\.json)
            #expect(!values.isEmpty)
            let outcomes = try definition.outcomes(of: values)
            for (outcome, value) in zip(outcomes, values) where outcome != .data(String(decoding: value, as: UTF8.self)) {
                Issue.record("\(kind): \(outcome) for \(String(decoding: value, as: UTF8.self))")
            }
        }
    }

    @Test("Same seed, same market; another seed, another one")
    func isDeterministic() {
        #expect(Self.records(3_000, seed: 5) == Self.records(3_000, seed: 5))
        #expect(Self.records(100, seed: 5) != Self.records(100, seed: 6))
    }

    @Test("The first record of seed 1 never changes, on any machine")
    func isStable() {
        let first = Self.records(1)[0]
        #expect(first.kind == .token)
        #expect(
            String(decoding: first.json, as: UTF8.self)
                == #"{"Token":"0x46b68c437a0dda83d7bebd06453968522a099293","Symbol":"FRGECK","Name":"Frosty Gecko","MetaInfo":"Initial price: $0.00774390","TotalSupply":"830000000000","IsAMM":false,"CreateTime":"2024-01-01T11:59:00Z"}"#
        )
    }

    @Test("The key is the address of the record's token")
    func keys() {
        var parser = JSONParser()
        for record in Self.records(5_000) {
            let name = record.kind == .aggregate ? "token" : "Token"
            let token = record.json.withUnsafeBytes { parser.read($0) { $0[name]?.string.map(Array.init) } }
            #expect(token == .success(record.key))
        }
    }

    @Test("Launches come first and then every so many trades; trades are of launched tokens only")
    func launches() {
        let mix = FeedMix(initialTokens: 3, maximumTokens: 5, tradesPerLaunch: 50)
        let records = Self.records(4_000, mix: mix)
        #expect(records.prefix(3).allSatisfy { $0.kind == .token })
        var listed: [[UInt8]] = []
        var trades = 0
        for record in records {
            switch record.kind {
            case .token:
                if listed.count >= 3 { #expect(trades == 50) }
                trades = 0
                #expect(!listed.contains(record.key))
                listed.append(record.key)
            case .trade:
                trades += 1
                #expect(listed.suffix(5).contains(record.key))
            case .aggregate:
                #expect(listed.suffix(5).contains(record.key))
            }
        }
        #expect(listed.count > 20)
    }

    @Test("The price of a trade follows from its amounts, and moves by a few percent at most")
    func pricesWalk() {
        var parser = JSONParser()
        var last: [[UInt8]: Double] = [:]
        var sides: [String: Int] = [:]
        for record in Self.records(10_000) where record.kind == .trade {
            let (side, native, amount, price) = record.json.withUnsafeBytes { json in
                let values = parser.read(json) { root in
                    ["SellBuy", "NativeAmount", "TokenAmount", "PriceUsd"].map { root[$0]?.stringValue ?? "" }
                }
                let strings = (try? values.get()) ?? ["", "", "", ""]
                return (strings[0], Double(strings[1]) ?? .nan, Double(strings[2]) ?? .nan, Double(strings[3]) ?? .nan)
            }
            sides[side, default: 0] += 1
            #expect(abs(amount * price - native) <= 0.000_002 + native * 1e-9)
            #expect(native > 1 && native < 30_000)
            if let before = last[record.key] { #expect(abs(price / before - 1) < 0.03) }
            last[record.key] = price
        }
        #expect((sides["buy"] ?? 0) > 3_000)
        #expect((sides["sell"] ?? 0) > 3_000)
    }

    @Test("Aggregates add up to exactly the trades of their windows", arguments: [7, 1_900] as [Int64])
    func aggregatesAreTrue(_ step: Int64) throws {
        let lengths: [String: Int64] = ["1min": 60_000, "5min": 300_000, "15min": 900_000, "30min": 1_800_000, "1hour": 3_600_000]
        var ledger: [[UInt8]: [TradeEntry]] = [:]
        var parser = JSONParser()
        var checked = 0
        for (index, record) in Self.records(8_000, stepMilliseconds: step).enumerated() {
            let now = Self.start + Int64(index) * step
            switch record.kind {
            case .token: ledger[record.key] = []
            case .trade:
                let entry = record.json.withUnsafeBytes { parser.read($0) { TradeEntry($0, at: now) } }
                ledger[record.key]?.append(try #require(try entry.get()))
            case .aggregate:
                let windows = try record.json.withUnsafeBytes { json in
                    try parser.read(json) { root in root["aggregate_data"]?.elements.map(WindowEntry.init) ?? [] }.get()
                }
                #expect(windows.map(\.name) == ["1min", "5min", "15min", "30min", "1hour"])
                for window in windows {
                    let length = try #require(lengths[window.name])
                    let trades = (ledger[record.key] ?? []).filter { $0.at >= now - now % length }
                    let sells = trades.filter { !$0.isBuy }
                    let buys = trades.filter(\.isBuy)
                    #expect(window.sellCount == sells.count)
                    #expect(window.buyCount == buys.count)
                    #expect(window.total == trades.count)
                    #expect(window.sellVolume == sells.reduce(0) { $0 + $1.native })
                    #expect(window.buyVolume == buys.reduce(0) { $0 + $1.native })
                    #expect(window.totalVolume == trades.reduce(0) { $0 + $1.native })
                    if let first = trades.first, let last = trades.last {
                        #expect(window.open == first.price)
                        #expect(window.close == last.price)
                        let change = Double(last.price - first.price) / Double(first.price) * 100
                        #expect(abs(window.change - change) <= 0.01)
                    }
                    checked += 1
                }
            }
        }
        #expect(checked > 1_000)
    }

    @Test("Aggregates come when their time or their number of trades is up, once per token that traded")
    func aggregateRhythm() {
        var feed = MarketFeed(seed: 3, mix: FeedMix(initialTokens: 2, tradesPerAggregates: 1_000_000))
        var now = Self.start
        _ = feed.next(nowMilliseconds: now)
        _ = feed.next(nowMilliseconds: now)
        for _ in 0..<300 { #expect(feed.next(nowMilliseconds: now).kind == .trade) }
        now += 1_000
        #expect(Set((0..<2).map { _ in feed.next(nowMilliseconds: now) }.map(\.kind)) == [.aggregate])
        #expect(feed.next(nowMilliseconds: now).kind == .trade)

        let mix = FeedMix(initialTokens: 1, tradesPerLaunch: 1_000_000, tradesPerAggregates: 100)
        let busy = Self.records(1 + 10 * 101, mix: mix, stepMilliseconds: 0)
        #expect(busy.indices.filter { busy[$0].kind == .aggregate } == (1...10).map { $0 * 101 })
    }

    @Test("Time may stand still, run backwards or be absurd", arguments: [.min, -1, 0, .max] as [Int64])
    func strangeTimes(_ now: Int64) throws {
        var feed = MarketFeed(seed: 4)
        var values: [[UInt8]] = []
        for index in 0..<2_000 {
            let record = feed.next(nowMilliseconds: index % 3 == 0 ? now : 1_000)
            if record.kind == .trade { values.append(record.json) }
        }
        let outcomes = try TradeTransformer.definition.outcomes(of: values)
        #expect(outcomes.allSatisfy { $0.rejection == nil })
    }

    @Test(
        "Times are written in the calendar",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400_000, "2000-02-29T00:00:00Z"), (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"), (253_402_300_799_999, "9999-12-31T23:59:59Z"),
        ] as [(Int64, String)])
    func calendar(_ milliseconds: Int64, _ text: String) {
        var feed = MarketFeed(seed: 1)
        let json = String(decoding: feed.next(nowMilliseconds: milliseconds).json, as: UTF8.self)
        #expect(json.hasSuffix(#""CreateTime":"\#(text)"}"#))
    }
}

/// What counts of a trade, in millionths and hundred-millionths, read from its text.
private struct TradeEntry {
    let at: Int64
    let isBuy: Bool
    let native: Int64
    let price: Int64

    init?(_ root: JSONValue, at: Int64) {
        self.at = at
        isBuy = root["SellBuy"]?.isString("buy") ?? false
        native = units(root["NativeAmount"])
        price = units(root["PriceUsd"])
    }
}

private struct WindowEntry {
    let name: String
    let sellCount, buyCount, total: Int
    let sellVolume, buyVolume, totalVolume, open, close: Int64
    let change: Double

    init(_ window: JSONValue) {
        name = window["time_window"]?.stringValue ?? ""
        let counts = ["sell_count", "buy_count", "total_trades"].map { Int(window[$0]?.integer ?? -1) }
        (sellCount, buyCount, total) = (counts[0], counts[1], counts[2])
        sellVolume = units(window["sell_volume"])
        buyVolume = units(window["buy_volume"])
        totalVolume = units(window["total_volume"])
        open = units(window["open_price"])
        close = units(window["close_price"])
        change = window["price_change"]?.double ?? .nan
    }
}

/// A decimal without its point; the feed writes every field with a fixed number of places.
private func units(_ value: JSONValue?) -> Int64 {
    Int64((value?.stringValue ?? "").filter { $0 != "." }) ?? .min
}
