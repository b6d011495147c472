package import NIOCore

/// Ends a connection so that everything written arrives. Closing a socket while bytes of the client are unread resets the
/// connection, and a reset may overtake our answer (RFC 9112, section 9.6). So: end our direction, read and discard until
/// the client ends its own, and close when it takes too long over that.
///
/// Stands before everything else in the pipeline: no parser sees what is discarded, and none keeps it.
///
/// Thread: loop.
package final class LingeringClose: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer

    /// How long a client may take to close.
    static let time = TimeAmount.seconds(2)

    private var timer: Scheduled<Void>?

    /// Call it when everything is written.
    package static func begin(on channel: any Channel) {
        guard channel.isActive else { return }
        do {
            try channel.pipeline.syncOperations.addHandler(LingeringClose(), position: .first)
        } catch {
            channel.close(promise: nil)
        }
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) { channel.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        // Those behind may have stopped asking for more.
        context.read()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }

    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    package func channelReadComplete(context: ChannelHandlerContext) { context.read() }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }

    private func stop() {
        timer?.cancel()
        timer = nil
    }
}
