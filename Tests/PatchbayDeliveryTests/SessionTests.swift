import NIOCore
import NIOEmbedded
import PatchbayAPI
import PatchbaySettings
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery

/// A connection that is no socket: another kind than the server's own, which a session doesn't tell apart.
private final class ListConnection: ClientConnection {
    var client = ClientIdentity(id: .random())
    var isAwaitingFlush = false
    var isWritable = true
    var isSocketFull = false
    var registryIndex = -1
    var idleSince: NIODeadline?
    /// Envelopes of control messages, and `frames` where messages of channels came.
    var written: [String] = []
    var closed: [CloseCode] = []
    var limits: [Limit] = []
    var name: String { client.id.description }

    func write(frames: ByteBuffer) { written.append("frames") }
    func write(_ message: ControlMessage) { written.append(message.type) }
    func flush() {}
    func losesMessages(_ subscription: Subscription, behind: Int64) {}
    func subscriptionEnded(_ subscription: Subscription) { session?.subscriptionEnded(subscription) }
    func send(_ message: ControlMessage) { written.append(message.envelope) }
    func send(message: ByteBuffer, isText: Bool) {}
    func handOutRest() -> Int64 { session?.handOutRest() ?? 0 }
    func close(_ code: CloseCode, reason: String?) { closed.append(code) }
    func close(_ code: CloseCode, over limit: Limit, reason: String?) {
        limits.append(limit)
        close(code, reason: reason)
    }
    func keepAlive(now: NIODeadline, interval: TimeAmount) -> KeepAlive { .nothing }
    func ping(now: NIODeadline) {}

    var session: SubscriberSession?

    /// The data of the last control message.
    var last: String { written.last.map(dataOf) ?? "" }

    private func dataOf(_ envelope: String) -> String {
        guard let start = envelope.firstRange(of: "\"data\":"), let end = envelope.firstRange(of: ",\"timestamp\"") else { return envelope }
        return String(envelope[start.upperBound..<end.lowerBound])
    }
}

/// The subscribe protocol without sockets.
@Suite struct SessionTests {
    private let loop = EmbeddedEventLoop()
    private let hub: RoutingHub
    private let context: LoopContext
    private let connection = ListConnection()
    private let session: SubscriberSession

    private final class PassThrough: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records { output.emit(record) }
        }
    }

    init() {
        let fanout = Fanout(eventLoop: loop, index: 0)
        hub = RoutingHub(table: Self.table("a", "b"), fanouts: [fanout])
        var configuration = ServerConfiguration()
        configuration.limits.subscriptions = 1
        context = LoopContext(
            fanout: fanout, router: hub, pingInterval: .seconds(30), limits: SessionLimits(configuration),
            counters: LimitCounters())
        session = SubscriberSession(loop: context)
        connection.session = session
        session.connectionOpened(connection)
    }

    /// Routes that pass topic `t` on to `a`, and topic `b` to `b`.
    private static func table(_ channels: String...) -> RouteTable {
        RouteTable(
            routes: channels.map { name in
                Route(name: name, topic: name == "a" ? "t" : name, type: "note", channels: [name], makeTransformer: { PassThrough() })
            })
    }

    private func ask(_ text: String) { session.received(text: ByteBuffer(string: text), on: connection) }

    private func publish(_ text: String) {
        let processor = hub.makeProcessor()
        Array(text.utf8).withUnsafeBytes { value in
            let record = Record(partition: 0, recordOffset: 0, timestampMilliseconds: 0, key: nil, value: value)
            withUnsafePointer(to: record) {
                _ = processor.process(RecordBatch(topic: "t", records: UnsafeBufferPointer(start: $0, count: 1)))
            }
        }
        processor.finishPoll()
        loop.advanceTime(by: .seconds(1))
    }

    @Test func aSubscriptionIsConfirmedBeforeItsFirstMessage() {
        ask(#"{"type":"subscribe","channel":"a","id":"x"}"#)
        #expect(connection.last == #"{"status":"subscribed","channel":"a","connection":"\#(connection.name)","id":"x"}"#)
        publish("1")
        #expect(connection.written.count == 2 && connection.written.last == "frames")
        // Twice is confirmed twice and delivers once.
        ask(#"{"type":"subscribe","channel":"a"}"#)
        publish("2")
        #expect(connection.written.count == 4 && session.subscriptions.count == 1)
        ask(#"{"type":"unsubscribe","channel":"a"}"#)
        #expect(connection.last.contains("unsubscribed") && session.subscriptions.isEmpty)
        publish("3")
        #expect(connection.written.count == 5)
    }

    @Test func refusalsChangeNothing() {
        ask(#"{"type":"subscribe","channel":"none"}"#)
        #expect(connection.last.contains("unknown_channel"))
        ask(#"{"type":"subscribe","channel":"a"}"#)
        ask(#"{"type":"subscribe","channel":"b","id":3}"#)
        #expect(connection.last.contains("too_many_subscriptions") && connection.last.hasSuffix(#""id":3}"#))
        ask("[1]")
        #expect(connection.last.contains("invalid_json"))
        ask(#"{"type":"ping","id":null}"#)
        #expect(connection.last.contains("invalid_field"))
        ask(#"{"type":"ping"}"#)
        #expect(connection.last == "{}")
        #expect(session.subscriptions.map(\.log.name) == ["a"] && connection.closed.isEmpty)
    }

    @Test func aConnectionThatEndsLeavesNothingBehind() {
        ask(#"{"type":"subscribe","channel":"a"}"#)
        #expect(context.connections.count == 1 && session.idleSince == nil)
        session.connectionClosed(connection)
        #expect(context.connections.isEmpty && connection.registryIndex == -1)
        publish("1")
        #expect(!connection.written.contains("frames"))
        #expect(hub.log(ofChannel: "a")?.isUnused == true)
    }

    @Test func aClosedChannelEndsItsSubscription() {
        ask(#"{"type":"subscribe","channel":"b"}"#)
        hub.replace(with: Self.table("a"), reason: "it was removed")
        loop.advanceTime(by: .seconds(1))
        #expect(connection.written.last == "channel_closed", "\(connection.written)")
        #expect(session.subscriptions.isEmpty && session.idleSince != nil)
    }

    @Test func aFloodOfRequestsCloses() {
        for _ in 0..<100_000 where connection.closed.isEmpty { ask(#"{"type":"ping"}"#) }
        // How long it has to go on decides the clock; refusals come first.
        #expect(connection.written.contains { $0.contains("rate_limited") })
    }

    @Test func goodbyeNamesATimeToComeBack() {
        let waiting = context.drain(ReconnectSpread(earliest: .seconds(1), latest: .seconds(2)), sparingFullSockets: true)
        #expect(waiting.waiting == 0 && waiting.cutShort == 0 && connection.closed == [.goingAway])
        #expect(connection.written.last?.contains("server_shutdown") == true)
        connection.isSocketFull = true
        #expect(context.drain(ReconnectSpread(earliest: .seconds(1), latest: .seconds(2)), sparingFullSockets: true).waiting == 0)
    }

    /// A client whose socket stayed full until the drain lost patience was closed without a word about what it had not been
    /// given, and no counter moved: records were committed that it never saw.
    @Test func aClientThatIsClosedBeforeItHasEverythingIsToldHowMuchItMisses() {
        ask(#"{"type":"subscribe","channel":"a"}"#)
        connection.isSocketFull = true
        connection.isWritable = false
        for number in 0..<3 { publish("\(number)") }
        let spread = ReconnectSpread(earliest: .seconds(1), latest: .seconds(2))
        let patient = context.drain(spread, sparingFullSockets: true)
        #expect(patient.waiting == 1 && patient.lost == 0 && connection.closed.isEmpty)
        let last = context.drain(spread, sparingFullSockets: false)
        #expect(last.waiting == 0 && last.cutShort == 1 && last.lost == 3)
        #expect(connection.written.dropFirst().first == "gap", "\(connection.written)")
        #expect(connection.written.last?.contains("server_shutdown") == true && connection.closed == [.goingAway])
        #expect(context.fanout.counters.snapshot.dropped == 3)
    }
}
