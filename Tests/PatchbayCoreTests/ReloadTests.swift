import NIOCore
import NIOEmbedded
import PatchbayAPI
import Testing

@testable import PatchbayCore

/// What becomes of records, channels and subscribers when one table replaces another.
@Suite struct ReloadTests {
    let loop = EmbeddedEventLoop()
    let fanout: Fanout

    init() { fanout = Fanout(eventLoop: loop, index: 0) }

    private func router(_ routes: [Route]) -> RoutingHub { RoutingHub(table: RouteTable(routes: routes), fanouts: [fanout]) }

    private func settle() { loop.advanceTime(by: .seconds(1)) }

    private func data(_ receiver: FakeReceiver) -> [String] { payloads(receiver.sent).map(dataOf) }

    @Test func theNextBatchIsRoutedByTheNewTable() {
        let router = router([.make(channels: ["one"])]).holding()
        let processor = router.makeProcessor()
        process(["1"], topic: "t", with: processor)
        #expect(router.generation == 1)
        #expect(router.replace(with: RouteTable(routes: [.make(channels: ["one", "two"])]), reason: "") == 2)
        _ = router.holding()
        process(["2"], topic: "t", with: processor)
        #expect(router.data(of: "one") == ["1", "2"])
        #expect(router.data(of: "two") == ["2"])
    }

    @Test func aRouteThatStaysKeepsItsTransformer() {
        // A transformer that counts would start over if it were recreated.
        final class Counting: Transformer {
            var seen = 0
            func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
                for record in batch.records {
                    seen += 1
                    Array("\(seen)".utf8).withUnsafeBytes { output.emit(record, data: $0) }
                }
            }
        }
        let stays = Route.make("stays", steps: [{ Counting() }])
        let router = router([stays]).holding()
        let processor = router.makeProcessor()
        process(["a", "b"], topic: "t", with: processor)
        router.replace(with: RouteTable(routes: [.make("new", topics: [.name("u")]), stays]), reason: "")
        process(["c"], topic: "t", with: processor)
        #expect(router.data(of: "one") == ["1", "2", "3"])
    }

    @Test func recordsOfATopicThatNoRouteTakesAreLeftToTheSource() {
        let router = router([.make()]).holding()
        let processor = router.makeProcessor()
        router.replace(with: RouteTable(routes: [.make(topics: [.name("u")])]), reason: "")
        #expect(process(["1", "2"], topic: "t", with: processor) == 0)
        #expect(process(["1", "2"], topic: "u", with: processor) == 2)
        #expect(router.data(of: "one") == ["1", "2"])
    }

    @Test func subscribersOfAChannelThatStaysKeepTheirPlace() throws {
        let router = router([.make(channels: ["one"])])
        let processor = router.makeProcessor()
        let receiver = FakeReceiver()
        _ = try fanout.subscribe(receiver, to: router.openLog(ofChannel: "one"))
        process(["1"], topic: "t", with: processor)
        let changed = RouteTable(
            routes: [.make(type: "other", channels: ["one", "two"])],
            channels: [.init(name: "one", limits: .init(messageBuffer: 7))])
        router.replace(with: changed, reason: "")
        process(["2"], topic: "t", with: processor)
        settle()
        #expect(data(receiver) == ["1", "2"])
        #expect(receiver.ended.isEmpty)
        #expect(router.log(ofChannel: "one")?.limits.messageBuffer == 7)
    }

    @Test func subscribersOfARemovedChannelGetTheRestAndAreTold() throws {
        let router = router([.make(channels: ["one", "two"])])
        let processor = router.makeProcessor()
        let receiver = FakeReceiver()
        let subscription = try fanout.subscribe(receiver, to: router.openLog(ofChannel: "two"))
        process(["1", "2"], topic: "t", with: processor)
        router.replace(with: RouteTable(routes: [.make(channels: ["one"])]), reason: "it was removed")
        settle()
        let texts = payloads(receiver.sent)
        #expect(texts.map(dataOf) == ["1", "2", "{\"reason\":\"it was removed\"}"])
        #expect(texts.last?.hasPrefix("{\"type\":\"channel_closed\",\"channel\":\"two\",") == true)
        #expect(receiver.ended.count == 1 && receiver.ended.first === subscription)
        #expect(throws: RoutingHub.ChannelRefusal.unknown) { try router.openLog(ofChannel: "two") }
        // Nothing is left behind that later passes would trip over.
        process(["3"], topic: "t", with: processor)
        settle()
        #expect(payloads(receiver.sent).count == 3)
    }

    @Test func aStalledSubscriberOfARemovedChannelIsToldWhatItMissed() throws {
        let router = router([.make(channels: ["one"])])
        let processor = router.makeProcessor()
        let receiver = FakeReceiver()
        receiver.isWritable = false
        _ = try fanout.subscribe(receiver, to: router.openLog(ofChannel: "one"))
        process(["1", "2", "3"], topic: "t", with: processor)
        settle()
        router.replace(with: RouteTable(routes: [.make(channels: ["two"])]), reason: "gone")
        settle()
        let texts = payloads(receiver.sent)
        #expect(texts.count == 2)
        #expect(texts.first?.contains("\"dropped\":3,\"reason\":\"channel_closed\"") == true)
        #expect(texts.last?.contains("channel_closed") == true)
        #expect(fanout.counters.snapshot.dropped == 3)
    }

    @Test func aChannelIsRemovedInTheMiddleOfAPass() throws {
        let router = router([.make(channels: ["one", "two"])])
        let processor = router.makeProcessor()
        let (first, second) = (FakeReceiver(), FakeReceiver())
        _ = try fanout.subscribe(first, to: router.openLog(ofChannel: "one"))
        _ = try fanout.subscribe(second, to: router.openLog(ofChannel: "two"))
        var isDone = false
        first.onFlush = {
            guard !isDone else { return }
            isDone = true
            router.replace(with: RouteTable(routes: [.make(channels: ["one"])]), reason: "gone")
        }
        process(["1"], topic: "t", with: processor)
        settle()
        process(["2"], topic: "t", with: processor)
        settle()
        #expect(data(first) == ["1", "2"])
        #expect(data(second) == ["1", "{\"reason\":\"gone\"}"])
    }

    @Test func figuresGoOnWithTheRoutesName() {
        let counters = RouteCounters()
        let router = router([.make(counters: counters)])
        let processor = router.makeProcessor()
        process(["1"], topic: "t", with: processor)
        router.replace(with: RouteTable(routes: [.make(type: "other", counters: counters)]), reason: "")
        process(["2"], topic: "t", with: processor)
        #expect(counters.snapshot.routed == 2)
    }

    @Test func theLastRecordsAreKeptForALook() throws {
        let router = router([.make()])
        let processor = router.makeProcessor()
        process((0..<30).map(String.init), topic: "t", with: processor, key: "k")
        process(["30", nil], topic: "t", with: processor, from: 30)
        let kept = try #require(router.recentRecords.first)
        #expect(kept.topic == "t" && kept.cluster == "default")
        #expect(kept.records.count == RecordSamples.perTopic)
        #expect(kept.records.first.map { String(decoding: $0.value ?? [], as: UTF8.self) } == "12")
        #expect(kept.records.first?.key == Array("k".utf8))
        #expect(kept.records.last?.value == nil && kept.records.last?.recordOffset == 31)
    }
}
