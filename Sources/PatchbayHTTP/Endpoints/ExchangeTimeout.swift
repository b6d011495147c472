import NIOCore
import NIOHTTPTypes
import PatchbayDelivery

/// Closes an HTTP connection that makes no progress: no complete request within the time since it opened or had its last
/// answer, or no complete answer within the time since its request, because nobody reads it. Single bytes are no progress.
///
/// Thread: loop.
final class ExchangeTimeout: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let time: TimeAmount
    private let onTimeout: () -> Void
    private var timer: Scheduled<Void>?

    init(_ time: TimeAmount, onTimeout: @escaping () -> Void) {
        self.time = time
        self.onTimeout = onTimeout
    }

    func handlerAdded(context: ChannelHandlerContext) { restart(context) }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = Self.unwrapInboundIn(data) { restart(context) }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A WebSocket connection has timeouts of its own.
        if case .upgraded? = event as? ConnectionEvent { stop() }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = Self.unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess { [weak self] in
            guard let self, timer != nil else { return }
            restart(context)
        }
        context.write(data, promise: written)
    }

    private func restart(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            onTimeout()
            context.close(promise: nil)
        }
    }

    private func stop() {
        timer?.cancel()
        timer = nil
    }
}
