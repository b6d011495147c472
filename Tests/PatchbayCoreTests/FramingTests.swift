import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import PatchbayCore

/// Event-stream bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html): a form that the core knows nothing of.
private final class EventStreamFraming: Framing {
    private let count = Atomic<Int>(0)

    /// Envelopes framed so far.
    var framed: Int { count.load(ordering: .relaxed) }

    func append(_ envelope: UnsafeRawBufferPointer, offset: Int64, to bytes: inout ByteBuffer) {
        count.wrappingAdd(1, ordering: .relaxed)
        bytes.writeString("id: \(offset)\ndata: ")
        bytes.writeBytes(envelope)
        bytes.writeString("\n\n")
    }
}

/// A client that takes another form than the log's.
private final class FramedReceiver: MessageReceiver {
    let framing: (any Framing)?
    let name = "framed"
    var isWritable = true
    var isAwaitingFlush = false
    var text = ""
    var bytes = 0

    init(_ framing: any Framing) { self.framing = framing }

    func write(frames: ByteBuffer) {
        text += String(buffer: frames)
        bytes += frames.readableBytes
    }
    func write(_ message: ControlMessage) { text += "[\(message.type) \(message.data)]" }
    func flush() {}
    func losesMessages(_ subscription: Subscription, behind: Int64) {}
    func subscriptionEnded(_ subscription: Subscription) {}
}

@Suite struct FramingTests {
    private let loop = EmbeddedEventLoop()
    private let log = ChannelLog(name: "c", limits: .init(messageBuffer: 3))
    private let fanout: Fanout
    private let framing = EventStreamFraming()

    init() { fanout = Fanout(eventLoop: loop, index: 0) }

    private func publish(_ texts: [String], notifying: Bool = true) {
        log.append(texts)
        if notifying { fanout.notify(of: [log]) }
    }

    private func settle() { loop.advanceTime(by: .seconds(1)) }

    private static func events(_ texts: [String], from offset: Int) -> String {
        texts.enumerated().map { "id: \(offset + $0)\ndata: \($1)\n\n" }.joined()
    }

    @Test func subscribersOfBothFormsGetTheSameMessages() {
        let (framed, plain) = (FramedReceiver(framing), FakeReceiver())
        _ = fanout.subscribe(framed, to: log)
        _ = fanout.subscribe(plain, to: log)
        // Headers of two, four and ten bytes.
        let texts = ["1", String(repeating: "2", count: 125), String(repeating: "3", count: 126), String(repeating: "4", count: 70_000)]
        publish(texts)
        settle()
        publish(["5"])
        settle()
        #expect(framed.text == Self.events(texts + ["5"], from: 0))
        #expect(payloads(plain.sent) == texts + ["5"])
        #expect(fanout.counters.snapshot.deliveries == 10)
        #expect(fanout.counters.snapshot.bytesWritten == Int64(framed.bytes + plain.sent.reduce(0) { $0 + $1.readableBytes }))
    }

    @Test func aFormIsMadeOncePerBatchHoweverManyReadIt() {
        let other = EmbeddedEventLoop()
        let second = Fanout(eventLoop: other, index: 1)
        let receivers = (0..<5).map { _ in FramedReceiver(framing) }
        for receiver in receivers.dropLast() { _ = fanout.subscribe(receiver, to: log) }
        _ = second.subscribe(receivers[4], to: log)
        publish(["1", "2", "3"])
        second.notify(of: [log])
        settle()
        other.advanceTime(by: .seconds(1))
        #expect(receivers.allSatisfy { $0.text == Self.events(["1", "2", "3"], from: 0) })
        #expect(framing.framed == 3)
    }

    @Test func nobodyWhoReadsItNobodyWhoMakesIt() {
        let plain = FakeReceiver()
        _ = fanout.subscribe(plain, to: log)
        publish(["1"])
        settle()
        #expect(framing.framed == 0 && payloads(plain.sent) == ["1"])
    }

    @Test func aStalledSubscriberResumesInTheMiddleOfABatch() {
        let receiver = FramedReceiver(framing)
        let subscription = fanout.subscribe(receiver, to: log)
        receiver.isWritable = false
        publish((0..<10).map(String.init))
        settle()
        receiver.isWritable = true
        fanout.receiverBecameWritable(subscriptions: [subscription])
        settle()
        #expect(receiver.text == #"[gap {"dropped":7,"reason":"slow_consumer"}]"# + Self.events(["7", "8", "9"], from: 7))
    }

    @Test func anotherFormCountsInTheLogsBounds() throws {
        let bounded = ChannelLog(name: "c", limits: .init(messageBuffer: 100, maximumBytes: 3_000))
        let stalled = FramedReceiver(framing)
        let reader = FramedReceiver(framing)
        _ = fanout.subscribe(stalled, to: bounded)
        _ = fanout.subscribe(reader, to: bounded)
        stalled.isWritable = false
        let text = String(repeating: "x", count: 900)
        bounded.append([text])
        fanout.notify(of: [bounded])
        settle()
        // The stored frame and the event, since the stalled subscriber may still have them.
        #expect(bounded.figures.bytesRetained > 1_800)
        for _ in 0..<3 {
            bounded.append([text])
            fanout.notify(of: [bounded])
            settle()
            #expect(bounded.figures.bytesRetained <= 3_000)
        }
        #expect(reader.text == Self.events([text, text, text, text], from: 0))
        // Everything of a batch goes with it.
        fanout.lookForSlowSubscribers()
        stalled.isWritable = true
        fanout.passNow()
        #expect(bounded.figures.messagesRetained <= 1)
    }

    @Test func aFormMadeOfABatchThatIsGoneCountsForNothing() throws {
        _ = log.attach(loop: 0)
        log.append(["1"])
        let batch = try #require(log.take(loop: 0).batches.first)
        log.release(loop: 0, before: 1)
        #expect(log.figures.bytesRetained == 0)
        #expect(String(buffer: log.frames(of: batch, in: framing).bytes) == Self.events(["1"], from: 0))
        #expect(log.figures.bytesRetained == 0)
    }
}

@Suite struct HistoryTests {
    @Test func theNewestMessagesStayWithoutReaders() {
        let log = ChannelLog(name: "c", limits: .init(history: .init(messages: 3, bytes: 1_000)))
        for number in 0..<5 {
            log.append(["\(number)"])
            // Sealed by a look, as a reader's would.
            _ = log.read(from: 0, maxBytes: 1)
        }
        #expect(payloads(log.read(from: 0, maxBytes: .max).slices) == ["2", "3", "4"])
        #expect(log.figures.messagesRetained == 3)
        // Nor do they go with the last reader.
        _ = log.attach(loop: 0)
        log.detach(loop: 0)
        #expect(log.figures.messagesRetained == 3)
    }

    @Test func aHistoryIsBoundInBytes() {
        let log = ChannelLog(name: "c", limits: .init(history: .init(messages: 100, bytes: 1_000)))
        let text = String(repeating: "x", count: 298)
        for _ in 0..<10 {
            log.append([text])
            _ = log.read(from: 0, maxBytes: 1)
        }
        #expect(log.figures.messagesRetained == 3 && log.figures.bytesRetained <= 1_000)
    }

    @Test func aSlowClientsBoundIsAnother() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 2, history: .init(messages: 5, bytes: 10_000)))
        _ = log.attach(loop: 0)
        for number in 0..<8 {
            log.append(["\(number)"])
            _ = log.take(loop: 0)
        }
        log.release(loop: 0, before: 8, hasStalled: true)
        #expect(log.figures.messagesRetained == 5)
        #expect(payloads(log.read(from: 0, maxBytes: .max, keepingNewest: 2).slices) == ["6", "7"])
    }
}
