import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// In the pipeline of a listening socket: accepts nothing while there is no room for one more connection, or no file
/// descriptor. Clients that connect meanwhile wait in the kernel's queue.
///
/// Without it NIO tries again at once after an accept that failed, which takes most of a core and still accepts nothing.
/// Withholding `read` is not enough then, which is all that NIO's own AcceptBackoffHandler does: NIO takes the read that failed
/// for one that is still to come and goes on watching the socket. Turning `autoRead` off makes it stop, and on, go on.
///
/// Thread: loop.
package final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    /// How often it looks again for room, and for a file descriptor. A pause that ends unnoticed costs newcomers as much.
    static let roomInterval = TimeAmount.milliseconds(10)
    static let descriptorInterval = TimeAmount.milliseconds(100)
    /// A shortage is news again after this long without one.
    static let quietTime = TimeAmount.minutes(1)

    private let pending: PendingHandshakes?
    private let counters: LimitCounters
    private let log: ConnectionLog
    private var lastShortage: NIODeadline?
    private var roomTimer: Scheduled<Void>?
    private var descriptorTimer: Scheduled<Void>?

    /// - Parameter pending: takes the accepted connections; without it there is room for any number.
    package init(pending: PendingHandshakes?, counters: LimitCounters, log: ConnectionLog) {
        self.pending = pending
        self.counters = counters
        self.log = log
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pending?.add(Self.unwrapInboundIn(data), at: .now())
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard roomTimer == nil, descriptorTimer == nil else { return }
        guard !hasRoom() else { return context.read() }
        roomTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.roomInterval) { [self] in
            roomTimer = nil
            read(context: context)
        }
    }

    private func hasRoom() -> Bool {
        guard let (hasRoom, closed) = pending?.makeRoom(at: .now()) else { return true }
        if closed > 0 {
            for _ in 0..<closed { counters.count(.pendingHandshakes) }
            log.closedPendingHandshakes(closed)
        }
        return hasRoom
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let code = (error as? IOError)?.errnoCode, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) else {
            return context.fireErrorCaught(error)
        }
        pause(context: context)
        let now = NIODeadline.now()
        counters.countPause(at: now)
        if lastShortage.map({ now - $0 > Self.quietTime }) ?? true { log.outOfDescriptors(errno: code) }
        lastShortage = now
    }

    private func pause(context: ChannelHandlerContext) {
        guard descriptorTimer == nil else { return }
        let channel = context.channel
        do {
            try channel.syncOptions?.setOption(.autoRead, value: false)
        } catch {
            // The socket is closing.
            return
        }
        descriptorTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.descriptorInterval) { [self] in
            descriptorTimer = nil
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    private func stop() {
        roomTimer?.cancel()
        roomTimer = nil
        descriptorTimer?.cancel()
        descriptorTimer = nil
    }
}
