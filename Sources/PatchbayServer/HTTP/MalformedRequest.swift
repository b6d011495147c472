import NIOCore
import NIOHTTP1

/// Answers what is no HTTP with 400 and closes, where the pipeline below it would only close.
///
/// Not NIO's own handler for that: together with endpoints that answer requests under way it may answer twice.
///
/// Thread: loop.
final class MalformedRequest: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Requests that came and have no complete answer yet: an answer of ours among theirs would be read as one of them.
    private var unanswered = 0
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        if case .head = Self.unwrapInboundIn(data) { unanswered += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        if case .end = Self.unwrapOutboundIn(data) { unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, !isOver else { return context.fireErrorCaught(error) }
        // RFC 9112, section 9.6: what follows a request with `Connection: close` is not looked at. That one is answered.
        guard error != .closedConnection else { return }
        isOver = true
        guard unanswered == 0 else { return context.close(promise: nil) }
        let body = ByteBuffer(string: ErrorBody.json(code: "bad_request", message: "this is not HTTP/1.1: \(error)"))
        let headers: HTTPHeaders = [
            "Content-Type": "application/json", "Content-Length": "\(body.readableBytes)", "Connection": "close",
        ]
        context.write(
            Self.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers))),
            promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
