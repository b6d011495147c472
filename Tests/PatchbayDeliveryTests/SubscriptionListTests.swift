import NIOCore
import NIOEmbedded
import PatchbayAPI
import PatchbayCore
import TestSupport
import Testing

@testable import PatchbayDelivery

@Suite struct SubscriptionListTests {
    private final class Receiver: MessageReceiver {
        var isWritable = true
        var isAwaitingFlush = false
        let name = "receiver"
        func write(frames: ByteBuffer) {}
        func write(_ message: ControlMessage) {}
        func flush() {}
        func losesMessages(_ subscription: Subscription, behind: Int64) {}
        func subscriptionEnded(_ subscription: Subscription) {}
    }

    /// None, one and several are kept in different ways: every way from one to another, beside an array that does the same.
    @Test func itHoldsWhatAnArrayWould() throws {
        let loop = EmbeddedEventLoop()
        let fanout = Fanout(eventLoop: loop, index: 0)
        let receiver = Receiver()
        let all = (0..<5).map { fanout.subscribe(receiver, to: ChannelLog(name: "\($0)")) }
        var generator = SeededGenerator(state: 3)
        var list = SubscriptionList()
        var model: Set<String> = []
        var sizes: Set<Int> = []
        for _ in 0..<2000 {
            let one = try #require(all.randomElement(using: &generator))
            if let index = list.firstIndex(where: { $0 === one }) {
                list.remove(at: index)
                model.remove(one.log.name)
            } else {
                list.append(one)
                model.insert(one.log.name)
            }
            #expect(Set(list.map(\.log.name)) == model && list.count == model.count && list.isEmpty == model.isEmpty)
            sizes.insert(list.count)
        }
        #expect(sizes == [0, 1, 2, 3, 4, 5])
        list.removeAll()
        #expect(list.isEmpty)
    }
}
