package import NIOCore
package import PatchbayCore
import PatchbaySettings

/// A WebSocket connection after its upgrade: parses what comes in, answers pings and closes, and writes ready-made
/// frames straight to the socket. The only handler in its pipeline that does anything.
///
/// Thread: loop.
package final class WebSocketConnection: ChannelDuplexHandler, ClientConnection {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private enum State {
        case open
        /// A close frame went out; what still comes in is discarded until the peer's close frame or the timeout.
        case closing
        case closed
    }

    // What a pass looks at comes first, in as few cache lines as possible.

    private var state = State.open
    /// Whether bytes are left waiting after a flush. The channel's own `isWritable` also turns false while frames wait
    /// for the flush that this pass is about to make, which says nothing about the client.
    package private(set) var isSocketFull = false
    package var isAwaitingFlush = false
    private var isReadPending = false
    private var isUnanswered = false
    private var place: Int32 = -1
    /// When something of use last came from the client: payload, or the end of a message or control frame.
    private var lastHeard: ShortTime
    /// When the last ping went out, or when the connection was opened.
    private var pingedAt: ShortTime
    /// The first ping since the client was last heard, if `isUnanswered`.
    private var unansweredSince: ShortTime
    /// As long as there is a context.
    private var writer: SocketWriter?
    private var context: ChannelHandlerContext?
    private let handler: any MessageHandler
    private let environment: ConnectionEnvironment
    /// Who this is, for log lines.
    package let client: ClientIdentity
    /// Where the parser stands inside a frame or message; `nil` between messages, which is nearly always.
    private var interrupted: Interrupted?
    private let opened: NIODeadline
    /// Pings, pongs and empty fragments of the client.
    private var controlFrames = RateMeter()

    /// Place in the event loop's list of connections.
    package var registryIndex: Int {
        get { Int(place) }
        set { place = Int32(truncatingIfNeeded: newValue) }
    }

    private final class Interrupted {
        let parser: FrameParser

        init(_ parser: FrameParser) { self.parser = parser }
    }

    init(environment: ConnectionEnvironment, client: ClientIdentity, handler: any MessageHandler) {
        self.environment = environment
        self.client = client
        self.handler = handler
        opened = .now()
        lastHeard = ShortTime(opened)
        pingedAt = lastHeard
        unansweredSince = lastHeard
    }

    // MARK: MessageReceiver

    package var isWritable: Bool {
        state == .open && !isSocketFull
    }

    package func write(frames: ByteBuffer) {
        guard state == .open else { return }
        writer?.append(frames)
    }

    package func write(_ message: ControlMessage) { write(frames: ServerFrame.text(message.envelope)) }

    package func flush() {
        // There is a writer as long as the socket is open: a channel that closes its socket says so at once, by `channelInactive`,
        // and nothing in between calls this. Another client may have the socket's descriptor after that.
        finishFlush(rest: writer?.flush())
    }

    /// Flushes together with others: `flushed` has to follow when the ring was submitted.
    ///
    /// - Returns: whether the ring has it. If not, it goes by `flush`.
    func flush(through ring: SendRing) -> Bool { writer?.add(to: ring) ?? false }

    /// - Parameter count: bytes that the socket took; `nil` when that is unknown.
    func flushed(_ count: Int?) {
        guard let count else {
            // What came behind would not be what the client has to get next.
            context?.close(promise: nil)
            return
        }
        finishFlush(rest: writer?.flushed(count))
    }

    private func finishFlush(rest: [ByteBuffer]?) {
        if let rest { handOver(rest) }
        // With nothing in the channel it has room; asking it costs as much as all the rest here.
        guard isSocketFull || writer?.inChannel ?? 0 > 0, let context else { return }
        isSocketFull = !context.channel.isWritable
    }

    /// What the socket didn't take goes through the channel, which knows when it has room again.
    private func handOver(_ rest: [ByteBuffer]) {
        guard let context else { return }
        writer?.handedOver()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.writer?.taken() }
        for (index, slice) in rest.enumerated() {
            context.write(Self.wrapOutboundOut(slice), promise: index == rest.count - 1 ? written : nil)
        }
        context.flush()
    }

    package var name: String { client.id.description }

    package func losesMessages(_ subscription: Subscription, behind: Int64) {
        environment.log.losesMessages(client, channel: subscription.log.name, behind: behind)
    }

    package var details: ClientDetails { client.details }

    package func stoppedLosing(_ subscription: Subscription, lost: Int64, isLeaving: Bool) {
        environment.log.stoppedLosing(client, channel: subscription.log.name, lost: lost, isLeaving: isLeaving)
    }

    package func subscriptionEnded(_ subscription: Subscription) { handler.subscriptionEnded(subscription) }

    // MARK: Control

    package func send(_ message: ControlMessage) { send(frame: ServerFrame.text(message.envelope)) }

    private func send(frame: ByteBuffer) {
        write(frames: frame)
        flush()
    }

    /// Pings once an interval. Gives up on a client that was silent for two intervals, and that has had one of them to
    /// answer a ping: a server too busy to ping must not take it out on its clients.
    package func keepAlive(now: NIODeadline, interval: TimeAmount) -> KeepAlive {
        let now = ShortTime(now)
        if isUnanswered, now - unansweredSince >= interval, now - lastHeard >= interval * 2 { return .giveUp }
        return now - pingedAt >= interval ? .ping : .nothing
    }

    package func ping(now: NIODeadline) {
        pingedAt = ShortTime(now)
        if !isUnanswered { unansweredSince = pingedAt }
        isUnanswered = true
        send(frame: ServerFrame.ping())
    }

    package func send(message: ByteBuffer, isText: Bool) { send(frame: ServerFrame.message(message, isText: isText)) }

    package func handOutRest() -> Int64 { state == .open ? handler.handOutRest() : 0 }

    /// Starts the closing handshake: everything written so far, then the close frame, then the end of our stream.
    /// The socket closes when the client answers, or after `closeTimeout`.
    package func close(_ code: CloseCode, reason: String?) {
        guard state == .open, let context else { return }
        beginClosing(with: ServerFrame.close(code: code.number, reason: reason ?? code.reason), context: context)
    }

    private func beginClosing(with frame: ByteBuffer, context: ChannelHandlerContext) {
        flush()
        state = .closing
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(Self.wrapOutboundOut(frame), promise: written)
        endStream(after: written, context: context)
    }

    package func close(_ code: CloseCode, over limit: Limit, reason: String?) {
        guard state == .open else { return }
        environment.counters.count(limit)
        environment.log.closed(client, code, over: limit)
        close(code, reason: reason)
    }

    package var idleSince: NIODeadline? { state == .open ? handler.idleSince : nil }

    // MARK: ChannelDuplexHandler

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context.channel)
        handler.connectionOpened(self)
    }

    package func handlerRemoved(context: ChannelHandlerContext) { end() }

    package func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        guard state != .closed else { return }
        state = .closed
        environment.log.disconnected(client, after: .now() - opened)
        handler.connectionClosed(self)
        environment.slots.release()
        context = nil
        writer = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = Self.unwrapInboundIn(data)
        let now = NIODeadline.now()
        var parser = interrupted?.parser ?? environment.parser
        let payload = parser.payloadBytes
        var hasEvents = false
        while let event = parser.next(&input) {
            if event == .emptyFragment {
                _ = admitsControlFrame(at: now, orClosesBecauseOf: "too many empty frames")
                continue
            }
            hasEvents = true
            switch event {
            case .text(let payload):
                if state == .open { handler.received(text: payload, on: self) }
            case .binary(let payload):
                if state == .open { handler.received(binary: payload, on: self) }
            case .ping(let payload):
                // RFC 6455, section 5.5.3: not every one of several pings needs its answer.
                if admitsControlFrame(at: now) { send(frame: ServerFrame.pong(payload)) }
            case .pong:
                _ = admitsControlFrame(at: now)
            case .emptyFragment: break
            case .close(let code):
                answerClose(code, context: context)
            case .violation(let code, let detail):
                violate(code, detail: detail)
            }
        }
        interrupted = parser.isBetweenMessages ? nil : Interrupted(parser)
        // Headers of empty fragments cost the sender nothing and may go on for ever: no sign of life.
        guard hasEvents || payload != parser.payloadBytes else { return }
        lastHeard = ShortTime(now)
        isUnanswered = false
    }

    /// Whether one more ping, pong or empty fragment is within the limit. A client that keeps on is closed.
    private func admitsControlFrame(
        at now: NIODeadline, orClosesBecauseOf reason: String = "too many pings and pongs"
    ) -> Bool {
        guard state == .open, let limit = environment.controlFrames else { return true }
        switch controlFrames.admit(at: now, within: limit) {
        case .admitted: return true
        case .refused: environment.counters.count(.controlRate)
        case .flooding: close(.policyViolation, over: .controlFlood, reason: reason)
        }
        return false
    }

    private func violate(_ code: CloseCode, detail: String) {
        guard state == .open else { return }
        if code == .messageTooBig { return close(code, over: .messageSize, reason: detail) }
        environment.log.violated(client, code, detail: detail)
        close(code, reason: detail)
    }

    private func answerClose(_ code: UInt16?, context: ChannelHandlerContext) {
        // Else it is the answer to our own close frame, behind which our stream has ended already.
        guard state == .open else { return }
        beginClosing(with: code.map { ServerFrame.close(code: $0, reason: "") } ?? ServerFrame.emptyClose(), context: context)
    }

    /// Closing both directions now would reset the connection if bytes of the client are still unread, and the reset would
    /// overtake what was sent. So: end our stream, keep reading, let the client close, and lose patience after a while.
    private func endStream(after written: EventLoopPromise<Void>, context: ChannelHandlerContext) {
        let channel = context.channel
        written.futureResult.whenSuccess { channel.close(mode: .output, promise: nil) }
        context.eventLoop.assumeIsolated().scheduleTask(in: environment.closeTimeout) { [weak self] in
            self?.context?.close(promise: nil)
        }
        resumeReading(context: context)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard isSocketFull, context.channel.isWritable else { return }
        isSocketFull = false
        resumeReading(context: context)
        if state == .open { handler.connectionBecameWritable(self) }
    }

    /// A client that doesn't read its answers is not read either, so answers can't pile up.
    package func read(context: ChannelHandlerContext) {
        if !isSocketFull || state != .open {
            context.read()
        } else {
            isReadPending = true
        }
    }

    private func resumeReading(context: ChannelHandlerContext) {
        guard isReadPending else { return }
        isReadPending = false
        context.read()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Resets and the like: the socket is of no use any more, and there is nobody to tell.
        context.close(promise: nil)
    }
}

/// A time of which only differences of less than 24 days matter, in half the memory. Milliseconds, wrapping around.
struct ShortTime {
    private let milliseconds: UInt32

    init(_ time: NIODeadline) { milliseconds = UInt32(truncatingIfNeeded: time.uptimeNanoseconds / 1_000_000) }

    /// Negative when `earlier` is the later one.
    static func - (later: ShortTime, earlier: ShortTime) -> TimeAmount {
        .milliseconds(Int64(Int32(bitPattern: later.milliseconds &- earlier.milliseconds)))
    }
}

/// Limits and habits of WebSocket connections, and where they report to: one object shared by all of a listener's, so
/// that each holds a single reference.
///
/// Thread: any.
final class ConnectionEnvironment: Sendable {
    /// How long a closing handshake may take before the socket is closed all the same.
    let closeTimeout = TimeAmount.seconds(2)

    /// What every connection starts with.
    let parser: FrameParser
    /// Of each client's pings and pongs.
    let controlFrames: RequestRate?
    /// Where each gives its place back when it ends.
    let slots: ConnectionSlots
    let counters: LimitCounters
    let log: ConnectionLog

    init(
        _ configuration: ServerConfiguration, acceptsBinary: Bool, slots: ConnectionSlots, counters: LimitCounters, log: ConnectionLog
    ) {
        parser = FrameParser(configuration.server, acceptsBinary: acceptsBinary)
        controlFrames = RequestRate(
            perSecond: configuration.limits.controlFramesPerSecond, burst: configuration.limits.controlFrameBurst)
        self.slots = slots
        self.counters = counters
        self.log = log
    }
}
