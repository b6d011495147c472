import NIOCore
import NIOEmbedded
import PatchbayAPI
import Testing

@testable import PatchbayCore

/// One channel that an event loop doesn't come to holds up a whole cluster, a second per poll; nothing named it.
@Suite struct RoomWaitsTests {
    private let first = ObjectIdentifier(RoomWaits.self)
    private let second = ObjectIdentifier(ChannelLog.self)
    private let waits = RoomWaits()

    private func wait(_ channel: String, at now: Int64, label: String? = nil) {
        waits.wait(first, cluster: "c", channel: channel, label: label ?? channel, monotonicMilliseconds: now)
    }

    @Test func pollsThatAllWaitAreOneWait() {
        for now in stride(from: Int64(10_000), through: 15_000, by: 1000) { wait("full", at: now) }
        #expect(
            waits.current(monotonicMilliseconds: 15_500) == [RoomWait(cluster: "c", channel: "full", milliseconds: 5500)])
        waits.end(first, monotonicMilliseconds: 16_000)
        #expect(waits.current(monotonicMilliseconds: 16_000).isEmpty)
        let total = waits.total(monotonicMilliseconds: 20_000)
        #expect(total.map(\.channel) == ["full"] && total.map(\.milliseconds) == [6000])
    }

    @Test func theLongestComesFirstAndTemplatesAreSummed() {
        wait("t.1", at: 0, label: "t.{n}")
        waits.wait(second, cluster: "d", channel: "x", label: "x", monotonicMilliseconds: 500)
        wait("t.2", at: 1000, label: "t.{n}")
        #expect(waits.current(monotonicMilliseconds: 1500).map(\.channel) == ["x", "t.2"])
        #expect(waits.total(monotonicMilliseconds: 1500).map(\.milliseconds) == [1500, 1000])
    }

    /// A consumer that gets no more records never says that it has room again.
    @Test func aWaitThatNobodySpeaksOfAnyMoreIsOver() {
        wait("full", at: 0)
        wait("full", at: 1000)
        #expect(waits.current(monotonicMilliseconds: 60_000).isEmpty)
        #expect(waits.total(monotonicMilliseconds: 60_000).map(\.milliseconds) == [1000])
        wait("full", at: 61_000)
        #expect(waits.current(monotonicMilliseconds: 61_500).map(\.milliseconds) == [500])
    }

    @Test func aConsumerThatWaitsForAnEventLoopIsNamed() throws {
        let fanout = Fanout(eventLoop: EmbeddedEventLoop(), index: 0)
        let router = RoutingHub(table: RouteTable(routes: [.make(channels: ["x.{Token}"])]), fanouts: [fanout])
        let receiver = FakeReceiver()
        _ = try fanout.subscribe(receiver, to: router.openLog(ofChannel: "x.a"))
        let processor = router.makeProcessor()
        let value = "{\"Token\":\"a\",\"p\":\"\(String(repeating: "x", count: 900_000))\"}"
        process(Array(repeating: value, count: 10), topic: "t", with: processor)
        #expect(router.roomWaits.map(\.channel) == ["x.a"])
        #expect(router.roomWaitTotals.first?.channel == "x.{Token}")
        fanout.passNow()
        process(["{\"Token\":\"a\"}"], topic: "t", with: processor)
        #expect(router.roomWaits.isEmpty)
        #expect(!receiver.sent.isEmpty)
    }
}
