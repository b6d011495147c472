import NIOCore
import NIOHTTP1
import PatchbayDelivery

/// Keeps the rules of RFC 9112 on a connection whose requests the endpoints answer: refuses what is no proper request,
/// dates answers, tells clients that ask to go on with their body, and ends the connection behind the last answer so that
/// it arrives.
///
/// Not NIO's own handlers for that: together with endpoints that answer requests under way they may answer twice.
///
/// Thread: loop.
final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request whose answer is not complete.
    private struct Exchange {
        /// The answer is the last of the connection.
        var isLast: Bool
        /// HTTP/1.0, where staying has to be said.
        var isOld: Bool
        /// The client waits until it is told to send its body.
        var awaitsContinue: Bool
    }

    private let counters: LimitCounters
    /// Oldest first, which is the one being answered.
    private var exchanges = CircularBuffer<Exchange>(initialCapacity: 2)
    /// A request's head came, and its end is still to come.
    private var isReadingRequest = false
    /// The oldest exchange's answer has begun.
    private var isAnswering = false
    /// What comes is not looked at any more.
    private var isDeaf = false
    /// Answers what made us deaf, once the requests before it are answered.
    private var refusal: RequestRules.Refusal?
    /// The last answer is written.
    private var isOver = false

    init(counters: LimitCounters) { self.counters = counters }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        switch Self.unwrapInboundIn(data) {
        case .head(var head):
            RequestRules.normalize(&head)
            if let refusal = RequestRules.refusal(of: head) { return refuse(refusal, context: context) }
            isReadingRequest = true
            exchanges.append(
                Exchange(
                    isLast: RequestRules.endsConnection(head), isOld: RequestRules.isHTTP10(head),
                    awaitsContinue: RequestRules.awaitsContinue(head)))
            tellToGoOn(context: context)
            context.fireChannelRead(Self.wrapInboundOut(.head(head)))
        case .body:
            stopAwaiting()
            context.fireChannelRead(data)
        case .end:
            stopAwaiting()
            isReadingRequest = false
            // RFC 9112, section 9.6: what follows the last request is not looked at.
            if exchanges.last?.isLast ?? false { isDeaf = true }
            context.fireChannelRead(data)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO's own, for every further read behind one of the parser's, which was dealt with.
        if error is ByteToMessageDecoderError { return }
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !isDeaf, error != .closedConnection else { return }
        if error == .headerOverflow { counters.count(.headerSize) }
        refuse(RequestRules.Refusal(error), context: context)
    }

    /// The body came unasked.
    private func stopAwaiting() {
        guard !exchanges.isEmpty else { return }
        exchanges[exchanges.index(before: exchanges.endIndex)].awaitsContinue = false
    }

    private func tellToGoOn(context: ChannelHandlerContext) {
        // An answer to an earlier request has to come first.
        guard exchanges.first?.awaitsContinue ?? false, !isAnswering else { return }
        exchanges[exchanges.startIndex].awaitsContinue = false
        context.writeAndFlush(
            Self.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        switch Self.unwrapOutboundIn(data) {
        case .head(var head):
            isAnswering = true
            if !head.headers.contains(name: "date") { head.headers.add(name: "Date", value: HTTPDate.now()) }
            if let exchange = exchanges.first, exchange.isLast || exchange.isOld {
                head.headers.replaceOrAdd(name: "Connection", value: exchange.isLast ? "close" : "keep-alive")
            }
            context.write(Self.wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            isAnswering = false
            let exchange = exchanges.popFirst()
            guard exchange?.isLast ?? false else {
                context.write(data, promise: promise)
                tellToGoOn(context: context)
                return answerRefusal(context: context)
            }
            writeLast(data, promise: promise, context: context)
        }
    }

    private func writeLast(_ end: NIOAny, promise: EventLoopPromise<Void>?, context: ChannelHandlerContext) {
        isDeaf = true
        isOver = true
        let written = promise ?? context.eventLoop.makePromise()
        let channel = context.channel
        written.futureResult.assumeIsolated().whenComplete { _ in LingeringClose.begin(on: channel) }
        context.write(end, promise: written)
    }

    /// Reads nothing more, and answers what came when its turn comes.
    private func refuse(_ refusal: RequestRules.Refusal, context: ChannelHandlerContext) {
        isDeaf = true
        if isReadingRequest {
            // The endpoints know of the request already. Whose answer begins first counts: there must not be two.
            guard !exchanges.isEmpty else {
                isOver = true
                return LingeringClose.begin(on: context.channel)
            }
            guard exchanges.count > 1 || !isAnswering else {
                exchanges[exchanges.startIndex].isLast = true
                return
            }
            exchanges.removeLast()
        }
        self.refusal = refusal
        answerRefusal(context: context)
    }

    private func answerRefusal(context: ChannelHandlerContext) {
        guard let refusal, exchanges.isEmpty else { return }
        self.refusal = nil
        let body = ByteBuffer(string: ErrorBody.json(code: refusal.code, message: refusal.message))
        var headers = RefusalHeaders.of(refusal.status)
        headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        context.write(
            Self.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers))),
            promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        writeLast(Self.wrapOutboundOut(.end(nil)), promise: nil, context: context)
        context.flush()
    }
}
