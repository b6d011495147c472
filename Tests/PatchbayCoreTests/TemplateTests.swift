import Glibc
import NIOCore
import NIOEmbedded
import PatchbayAPI
import Testing

@testable import PatchbayCore

/// Channels that clients ask for before a record has made them.
///
/// Ten connections once filled `max_channels` of a template with invented names in a second; new keys of records were
/// then refused as `channel_limit`, for ten minutes after the clients had left, and a route with `on_error: stop` stood
/// still. So a client's wish and a record's need are counted apart.
@Suite struct AwaitedChannelTests {
    let loop = EmbeddedEventLoop()
    let fanout: Fanout

    init() { fanout = Fanout(eventLoop: loop, index: 0) }

    private func subscribe(_ channel: String, _ router: RoutingHub) throws -> (FakeReceiver, Subscription) {
        let receiver = FakeReceiver()
        let log = try router.openLog(ofChannel: channel)
        let subscription = fanout.subscribe(receiver, to: log)
        log.unpin()
        return (receiver, subscription)
    }

    @Test func whatClientsAskForTakesNothingFromRecords() throws {
        let route = Route.make(channels: ["x.{Token}"], templateLimits: .init(maximumChannels: 2), onError: .stop)
        let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [fanout])
        let wishes = try (0..<50).map { try subscribe("x.invented\($0)", router) }
        #expect(router.awaitedChannels.count == 50 && router.madeChannels["r", default: 0] == 0)
        let (waits, _) = try subscribe("x.a", router)
        let values = ["a", "b", "a"].map { "{\"Token\":\"\($0)\"}" }
        #expect(process(values, topic: "t", with: router.makeProcessor()) == 3)
        loop.advanceTime(by: .seconds(1))
        #expect(payloads(waits.sent).count == 2)
        #expect(router.madeChannels == ["r": 2] && router.awaitedChannels.count == 50)
        #expect(route.counters.snapshot.rejected.isEmpty)
        // Gone with their last subscriber, at once.
        for (_, subscription) in wishes { fanout.unsubscribe(subscription) }
        #expect(router.awaitedChannels.count == 0)
        #expect(router.log(ofChannel: "x.invented7") == nil && router.log(ofChannel: "x.a") != nil)
    }

    @Test func allClientsTogetherAndEachForItselfHaveABound() throws {
        let router = RoutingHub(
            table: RouteTable(routes: [.make(channels: ["plain", "x.{Token}"])]), fanouts: [fanout], maximumAwaited: 2)
        let first = try router.openLog(ofChannel: "x.1")
        _ = try router.openLog(ofChannel: "x.2")
        #expect(throws: RoutingHub.ChannelRefusal.tooManyAwaited(most: 2)) { try router.openLog(ofChannel: "x.3") }
        #expect(throws: RoutingHub.ChannelRefusal.clientAwaitsTooMany) {
            try router.openLog(ofChannel: "x.2") { false }
        }
        #expect(throws: Never.self) { try router.openLog(ofChannel: "plain") { false } }
        // One that was never subscribed to goes when it is let go of.
        first.unpin()
        #expect(throws: Never.self) { try router.openLog(ofChannel: "x.3") }
        // And one that a record has made is nobody's wish any more.
        process(["{\"Token\":\"2\"}"], topic: "t", with: router.makeProcessor())
        #expect(router.awaitedChannels.count == 1)
        #expect(throws: Never.self) { try router.openLog(ofChannel: "x.2") { false } }
    }

    @Test func aChannelThatBecomesPlainIsNoWish() throws {
        let router = RoutingHub(table: RouteTable(routes: [.make(channels: ["x.{Token}"])]), fanouts: [fanout])
        let (receiver, subscription) = try subscribe("x.a", router)
        router.replace(with: RouteTable(routes: [.make(channels: ["x.a"])]), reason: "")
        #expect(router.awaitedChannels.count == 0)
        process(["1"], topic: "t", with: router.makeProcessor())
        loop.advanceTime(by: .seconds(1))
        #expect(payloads(receiver.sent).count == 1)
        fanout.unsubscribe(subscription)
        #expect(router.log(ofChannel: "x.a") != nil)
    }
}

/// Channels that templates make.
@Suite struct TemplateTests {
    let loop = EmbeddedEventLoop()
    let fanout: Fanout

    init() { fanout = Fanout(eventLoop: loop, index: 0) }

    private func router(_ routes: [Route]) -> RoutingHub { RoutingHub(table: RouteTable(routes: routes), fanouts: [fanout]) }

    private func subscribe(_ channel: String, _ router: RoutingHub) throws -> FakeReceiver {
        let receiver = FakeReceiver()
        let log = try router.openLog(ofChannel: channel)
        _ = fanout.subscribe(receiver, to: log)
        log.unpin()
        return receiver
    }

    private func settle() { loop.advanceTime(by: .seconds(1)) }

    private func received(_ receiver: FakeReceiver) -> [String] { payloads(receiver.sent).map(dataOf) }

    @Test func everyValueOfAFieldHasItsChannel() throws {
        let router = router([.make(channels: ["all", "trades.{Token}"])])
        let all = try subscribe("all", router)
        // Subscribing comes before the first message.
        let a = try subscribe("trades.a", router)
        let processor = router.makeProcessor()
        process(["{\"Token\":\"a\"}", "{\"Token\":\"b\"}", "{\"Token\":\"a\",\"n\":2}"], topic: "t", with: processor)
        settle()
        #expect(received(a) == ["{\"Token\":\"a\"}", "{\"Token\":\"a\",\"n\":2}"])
        #expect(received(all).count == 3)
        #expect(payloads(a.sent).first?.hasPrefix("{\"type\":\"note\",\"channel\":\"trades.a\",") == true)
        let b = try subscribe("trades.b", router)
        process(["{\"Token\":\"b\",\"n\":3}"], topic: "t", with: processor)
        settle()
        #expect(received(b) == ["{\"Token\":\"b\",\"n\":3}"])
        #expect(router.madeChannels == ["r": 2])
    }

    @Test func keyTopicAndPartitionMakeNamesToo() throws {
        let router = router([.make(channels: ["{@topic}/{@partition}/{@key}"])])
        let receiver = try subscribe("t/0/k", router)
        process(["1"], topic: "t", with: router.makeProcessor(), key: "k")
        settle()
        #expect(received(receiver) == ["1"])
    }

    @Test func fieldsOfTheKeyMakeNames() {
        let trial = RouteTrial(route: .make(channels: ["of.{@key.id}"]), maxRecord: 100)
        func result(key: String?) -> RouteTrial.Result {
            trial.run(SampledRecord(key: key.map { Array($0.utf8) }, value: [0x31]), topic: "t")
        }
        #expect(result(key: "{\"id\":7,\"n\":\"x\"}").envelopes.map(\.channel) == ["of.7"])
        let without = result(key: "{\"n\":1}").rejections.first
        #expect(without?.code == "channel_unrenderable" && without?.field == "@key.id")
        // What the key before it had is forgotten.
        #expect(result(key: nil).rejections.first?.field == "@key")
    }

    @Test func headersMakeNames() {
        let trial = RouteTrial(route: .make(channels: ["from.{@header.source}"]), maxRecord: 100)
        let sample = SampledRecord(
            key: nil, value: Array("1".utf8),
            headers: [.init(name: "source", value: Array("a".utf8)), .init(name: "source", value: Array("b".utf8))])
        #expect(trial.run(sample, topic: "t").envelopes.map(\.channel) == ["from.b"])
        let without = trial.run(SampledRecord(key: nil, value: [0x31]), topic: "t")
        #expect(without.rejections.first?.code == "channel_unrenderable")
        #expect(without.rejections.first?.field == "@header.source")
    }

    @Test func whatCantBeRenderedIsCountedAndTheOtherChannelsStillGetIt() {
        let route = Route.make(channels: ["all", "x.{Token}"])
        let router = router([route]).holding()
        let long = String(repeating: "y", count: 300)
        process(
            ["{\"Token\":\"a\"}", "{\"other\":1}", "{\"Token\":\"\"}", "{\"Token\":\"\(long)\"}", "{\"Token\":\"a\u{7}b\"}"],
            topic: "t", with: router.makeProcessor())
        #expect(router.data(of: "all").count == 5)
        let figures = route.counters.snapshot
        #expect(figures.rejected == ["channel_unrenderable": 4])
        #expect(figures.routed == 5 && figures.envelopes == 6 && figures.filtered == 0)
    }

    @Test func aRouteMakesNoMoreChannelsThanItMay() throws {
        let route = Route.make(channels: ["x.{Token}"], templateLimits: .init(maximumChannels: 2))
        let router = router([route])
        process(
            (0..<5).map { "{\"Token\":\"\($0)\"}" }, topic: "t", with: router.makeProcessor())
        #expect(route.counters.snapshot.rejected == ["channel_limit": 3])
        #expect(route.counters.snapshot.routed == 2)
        // Records have made as many as they may; clients may wait for more all the same.
        let log = try router.openLog(ofChannel: "x.9")
        process(["{\"Token\":\"9\"}"], topic: "t", with: router.makeProcessor())
        #expect(log.isAwaited && log.head == 0)
        #expect(route.counters.snapshot.rejected == ["channel_limit": 4])
    }

    @Test func idleChannelsAreRetiredAndComeBack() throws {
        let route = Route.make(
            channels: ["x.{Token}"], templateLimits: .init(maximumChannels: 3, idleMilliseconds: 1000))
        let router = router([route])
        let processor = router.makeProcessor()
        let receiver = try subscribe("x.kept", router)
        process(["{\"Token\":\"idle\"}", "{\"Token\":\"kept\"}"], topic: "t", with: processor)
        settle()
        let now = MonotonicTime.nowMilliseconds()
        #expect(router.retireIdleChannels(monotonicMilliseconds: now) == 0)
        #expect(router.retireIdleChannels(monotonicMilliseconds: now + 2000) == 1)
        #expect(router.madeChannels == ["r": 1])
        // The consumer thread still knows the retired channel; subscribers must not wait at another one.
        let again = try subscribe("x.idle", router)
        process(["{\"Token\":\"idle\",\"n\":2}", "{\"Token\":\"kept\",\"n\":2}"], topic: "t", with: processor)
        settle()
        #expect(received(again) == ["{\"Token\":\"idle\",\"n\":2}"])
        #expect(received(receiver).count == 2)
    }

    /// Ages were measured by the clock on the wall: when it was set a day ahead, all idle channels were retired at once.
    @Test func agesAreMeasuredByTheClockThatNobodySets() {
        func steady() -> Int64 {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        }
        let before = steady()
        let now = MonotonicTime.nowMilliseconds()
        #expect((before...steady()).contains(now))
    }

    @Test func aChannelThatSomebodyIsAboutToSubscribeToIsNotRetired() throws {
        let router = router([.make(channels: ["x.{Token}"], templateLimits: .init(idleMilliseconds: 0))])
        process(["{\"Token\":\"a\"}"], topic: "t", with: router.makeProcessor())
        let log = try router.openLog(ofChannel: "x.a")
        #expect(router.retireIdleChannels(monotonicMilliseconds: .max / 2) == 0)
        log.unpin()
        #expect(router.retireIdleChannels(monotonicMilliseconds: .max / 2) == 1)
        #expect(log.isRetired)
    }

    @Test func unheardChannelsHoldNothing() throws {
        let router = router([.make(channels: ["x.{Token}"])])
        let processor = router.makeProcessor()
        for _ in 0..<100 { process(["{\"Token\":\"a\"}"], topic: "t", with: processor) }
        let figures = try #require(router.log(ofChannel: "x.a")?.figures)
        #expect(figures.messages == 100)
        #expect(figures.bytesRetained == 0 && figures.messagesRetained == 0)
        let receiver = try subscribe("x.a", router)
        process(["{\"Token\":\"a\",\"n\":1}"], topic: "t", with: processor)
        settle()
        #expect(received(receiver) == ["{\"Token\":\"a\",\"n\":1}"])
    }

    @Test func twoTemplatesThatMakeOneNameSendOnce() throws {
        let router = router([.make(channels: ["all", "{A}", "{B}"])])
        let all = try subscribe("all", router)
        let receiver = try subscribe("same", router)
        process(["{\"A\":\"same\",\"B\":\"same\"}", "{\"A\":\"all\",\"B\":\"other\"}"], topic: "t", with: router.makeProcessor())
        settle()
        #expect(received(receiver).count == 1)
        #expect(received(all).count == 2)
    }

    @Test func manyNamesComeAndGoWithoutFillingTheMemory() {
        let route = Route.make(
            channels: ["x.{Token}"], templateLimits: .init(maximumChannels: 100_000, idleMilliseconds: 0))
        let router = router([route])
        let processor = router.makeProcessor()
        for turn in 0..<20 {
            process((0..<500).map { "{\"Token\":\"\(turn)-\($0)\"}" }, topic: "t", with: processor)
            router.retireIdleChannels(monotonicMilliseconds: MonotonicTime.nowMilliseconds() + 1)
        }
        #expect(route.counters.snapshot.routed == 10_000)
        #expect(router.madeChannels["r", default: 0] == 0)
    }

    @Test func channelsOfARemovedTemplateAreClosed() throws {
        let router = router([.make(channels: ["x.{Token}", "y.{Token}"])])
        let (x, y) = (try subscribe("x.a", router), try subscribe("y.a", router))
        process(["{\"Token\":\"a\"}"], topic: "t", with: router.makeProcessor())
        let (waits, leaves) = (try subscribe("x.b", router), try subscribe("y.b", router))
        router.replace(with: RouteTable(routes: [.make("other", channels: ["x.{Symbol}"])]), reason: "gone")
        settle()
        #expect(x.ended.isEmpty && y.ended.count == 1)
        #expect(waits.ended.isEmpty && leaves.ended.count == 1)
        #expect(router.madeChannels == ["other": 1])
        #expect(router.awaitedChannels.count == 1)
    }
}

@Suite struct ChannelTemplateTests {
    @Test(arguments: [
        ("trades.{Token}", "trades.0x1", true), ("trades.{Token}", "trades.", false), ("trades.{Token}", "trade.x", false),
        ("{A}.{B}", "a.b", true), ("{A}.{B}", "a.", false), ("{A}.{B}", ".b", false), ("{A}{B}", "ab", true),
        ("{A}{B}", "a", false), ("a{X}b", "aXb", true), ("a{X}b", "ab", false), ("a{X}b", "aXbX", false),
        ("a{X}b", "abb", true), ("{X}-{Y}-z", "1-2-3-z", true), ("plain", "plain", true), ("plain", "plains", false),
    ])
    func matchesNamesThatItCanMake(template: String, name: String, matches: Bool) throws {
        #expect(try ChannelTemplate(template).matches(name) == matches)
    }

    /// Any text was taken for a partition and for a topic, so subscriptions to `p.hello` and `t.a b` were confirmed although no
    /// record can ever make those names.
    @Test(arguments: [
        ("p.{@partition}", "p.0", true), ("p.{@partition}", "p.12", true), ("p.{@partition}", "p.2147483647", true),
        ("p.{@partition}", "p.2147483648", false), ("p.{@partition}", "p.007", false), ("p.{@partition}", "p.hello", false),
        ("p.{@partition}", "p.-1", false), ("p.{@partition}", "p.", false), ("p.{@partition}", "p.1x", false),
        ("p.{@partition}x", "p.1x", true),
        ("t.{@topic}", "t.a.b-c_D9", true), ("t.{@topic}", "t.a b", false), ("t.{@topic}", "t.é", false), ("t.{@topic}", "t.", false),
        ("{@topic}.{@partition}", "a.1.2", true), ("{@topic}.{@partition}", "a.1.b", false), ("{@topic}{@partition}", "a10", true),
        ("{@topic}{@partition}", "10", true), ("{@topic}{@partition}", "1", false), ("{@partition}{@partition}", "00", true),
        ("{@key}{@partition}", "x y7", true), ("{@key}{@partition}", "7", false), ("{@partition}-{Token}", "3-a b", true),
        ("{@partition}-{Token}", "a-a b", false), ("{Token}.{@topic}-{@key}", "a b.c-d e", true), ("{Token}.{@topic}", "a.b c.d", true),
        ("{Token}.{@topic}", "a.b c", false), ("{@topic}-{@topic}-x", "a-b-c-x", true), ("{@topic}-y", "a-x", false),
    ])
    func typedPlaceholdersTakeWhatTheyMake(template: String, name: String, matches: Bool) throws {
        #expect(try ChannelTemplate(template).matches(name) == matches)
    }

    @Test(arguments: [
        "a{", "a}", "{}", "{a", "{@who}", "{@header.}", "{a..b}", "{a{b}}", "{@key.}", "{@key[}", "{@header[0]}", "{[\"a\"}",
        "{@timestamp}", "{[\"a}",
    ])
    func refusesWhatNamesNothing(template: String) {
        #expect(throws: ChannelTemplate.Invalid.self) { try ChannelTemplate(template) }
    }

    @Test func readsItsParts() throws {
        let template = try ChannelTemplate("a.{user.id}.{@key}{@header.x-y}{@topic}{@partition}")
        #expect(
            template.parts == [
                .literal("a."), .field(FieldPath(names: ["user", "id"])), .literal("."), .key, .header("x-y"), .topic, .partition,
            ])
        #expect(!template.isPlain)
    }

    @Test(
        arguments: [
            ("{@key.id}", .keyField("id")), ("{@key[\"a.b\"][0]}", .keyField("[\"a.b\"][0]")), ("{items[0].id}", .field("items[0].id")),
            ("{[\"@timestamp\"]}", .field("[\"@timestamp\"]")), ("{[\"a}b{\"]}", .field("[\"a}b{\"]")),
            ("{['a}']}", .field("[\"a}\"]")), ("{@header.a.b}", .header("a.b")), ("{@header[\"a}b\"]}", .header("a}b")),
        ] as [(String, ExpectedPart)])
    func readsPathsOfAllKinds(template: String, part: ExpectedPart) throws {
        let expected: ChannelTemplate.Part =
            switch part {
            case .field(let text): .field(try FieldPath(text))
            case .keyField(let text): .keyField(try FieldPath(text))
            case .header(let name): .header(name)
            }
        #expect(try ChannelTemplate("x" + template).parts == [.literal("x"), expected])
    }

    enum ExpectedPart: Sendable {
        case field(String)
        case keyField(String)
        case header(String)
    }

    @Test func aValueMayHaveBracesAndTheTime() throws {
        let template = try RecordTemplate("{{a}}{@timestamp}", for: .value)
        #expect(template.parts == [.literal("{a}"), .timestamp])
        #expect(throws: RecordTemplate.Invalid.self) { try RecordTemplate("{@timestamp}", for: .channelName) }
        #expect(throws: RecordTemplate.Invalid.self) { try RecordTemplate("{{a}}", for: .channelName) }
    }
}

/// Files, rendered names and subscriptions had three different rules; see `ChannelName`.
@Suite struct ChannelNameRuleTests {
    @Test(
        arguments: [
            ("a", nil), ("", .empty), (String(repeating: "x", count: 255), nil), (String(repeating: "x", count: 256), .tooLong),
            (String(repeating: "漢", count: 85), nil), (String(repeating: "漢", count: 86), .tooLong),
            ("a\u{0}", .unprintable), ("\u{1F}", .unprintable), ("\u{7F}", .unprintable), ("\u{80}", .unprintable),
            ("\u{9F}x", .unprintable), ("\u{A0}", nil), ("\u{200D}", nil), ("\u{200E}", .unprintable), ("\u{2028}", .unprintable),
            ("\u{202E}", .unprintable), ("\u{2030}", nil), ("\u{2066}", .unprintable), ("\u{206A}", nil), ("\u{FEFF}", .unprintable),
            ("\u{FEFE}", nil), ("👍", nil),
        ] as [(String, ChannelName.Fault?)])
    func faults(name: String, fault: ChannelName.Fault?) {
        #expect(ChannelName.fault(in: name) == fault)
        // What a template renders of a record with that value.
        let trial = RouteTrial(route: .make(channels: ["{@key}"]), maxRecord: 100)
        let result = trial.run(SampledRecord(key: Array(name.utf8), value: [0x31]), topic: "t")
        #expect(result.envelopes.count == (fault == nil ? 1 : 0))
        #expect(result.rejections.map(\.code) == (fault == nil ? [] : ["channel_unrenderable"]))
    }

    @Test(
        arguments: [
            ("user.*", "*"), ("user.>", ">"), ("#", "#"), ("a/+/b", "+"), ("a:**", "**"), ("user*", "*"), ("a.*b", nil), ("a>b", nil),
            ("C#", nil), ("", nil), ("a..b", nil),
        ] as [(String, String?)])
    func wildcards(name: String, wildcard: String?) { #expect(ChannelName.wildcard(in: name) == wildcard) }
}
