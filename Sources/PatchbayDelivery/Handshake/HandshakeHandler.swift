import NIOCore
import NIOHTTP1
import NIOWebSocket
import PatchbayCore

/// What a handshake needs of its listener.
///
/// Thread: any.
protocol HandshakeHost: AnyObject, Sendable {
    var handshakeTimeout: TimeAmount { get }
    var handshakeRules: HandshakeDecision.Rules { get }
    var proxies: ProxyTrust { get }
    var authorizer: any Authorizer { get }
    var isDraining: Bool { get }
    var counters: LimitCounters { get }
    var log: ConnectionLog { get }
    /// Takes a place for a WebSocket connection; `false` when all are taken.
    func reserveClient() -> Bool
    func releaseClient()
    /// Takes a place for an HTTP connection; `false` when all are taken.
    func reserveHTTP() -> Bool
    func releaseHTTP()
    /// The first request of a connection is complete or belongs to the endpoints, or the connection is closed.
    func endPending(_ channel: any Channel)
    func makeConnection(_ client: ClientIdentity, on eventLoop: any EventLoop) throws -> WebSocketConnection
    /// Makes the pipeline an ordinary HTTP one.
    func makeHTTP(_ channel: any Channel) throws
}

/// What becomes of a connection, for the handlers of its endpoints.
package enum ConnectionEvent {
    /// It is a WebSocket connection from now on.
    case upgraded
}

/// Decides what a connection is: one of the HTTP endpoints until a WebSocket handshake comes, which is mostly the first
/// request. Proxies that keep connections to us send handshakes over ones that have served requests before.
/// A connection whose first request, or whose handshake, is not complete in time is closed, however lively it drips.
///
/// Thread: loop.
final class HandshakeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    static let connectionIDHeader = "X-Connection-Id"

    private enum State {
        case waiting
        /// The head is decided on and carried out when the request is complete.
        case decided(HandshakeDecision, HTTPRequestHead)
        /// The first request is handed to the endpoints; the rest of it is still to come.
        case passing
        /// The endpoints' connection, until a handshake comes.
        case serving
        case done
    }

    private let host: any HandshakeHost
    private let isOverAddressLimit: Bool
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var client = ClientIdentity(id: .random())
    private lazy var requestID = RequestID.of(nil)
    private var state = State.waiting
    private var timer: Scheduled<Void>?
    /// Requests handed to the endpoints whose answers are not complete.
    private var unanswered = 0
    private var hasHTTPPlace = false
    /// Whether its first request is still to come, or under way.
    private var isPending = true

    /// How long one connection too many from an address may take to hear so.
    private static let timeoutOverLimit = TimeAmount.seconds(1)

    /// - Parameter isOverAddressLimit: whether the client's address has all the connections it may.
    init(
        host: any HandshakeHost, isOverAddressLimit: Bool, encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>
    ) {
        self.host = host
        self.isOverAddressLimit = isOverAddressLimit
        self.encoder = encoder
        self.decoder = decoder
    }

    func handlerAdded(context: ChannelHandlerContext) { startTimer(context: context) }

    private func startTimer(context: ChannelHandlerContext) {
        // Once, and never put off: a client that sends a byte now and then is as late as one that sends none.
        let timeout = isOverAddressLimit ? min(host.handshakeTimeout, Self.timeoutOverLimit) : host.handshakeTimeout
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
            self?.timeOut(context: context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stopTimer()
        releaseHTTPPlace()
        endPending(context)
    }

    private func endPending(_ context: ChannelHandlerContext) {
        guard isPending else { return }
        isPending = false
        host.endPending(context.channel)
    }

    private func releaseHTTPPlace() {
        guard hasHTTPPlace else { return }
        hasHTTPPlace = false
        host.releaseHTTP()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimer()
        state = .done
        context.fireChannelInactive()
    }

    private func stopTimer() {
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (Self.unwrapInboundIn(data), state) {
        case (.head(var head), .waiting):
            RequestRules.normalize(&head)
            note(head, context: context)
            let decision = decide(head)
            if decision == .http {
                becomeHTTP(head: head, context: context)
            } else {
                state = .decided(decision, head)
            }
        case (.head(var head), .serving):
            RequestRules.normalize(&head)
            let decision = decide(head)
            // Its answer has to come behind the others', which are not ours: the endpoints refuse it.
            guard decision != .http, unanswered == 0 else {
                unanswered += 1
                return context.fireChannelRead(data)
            }
            note(head, context: context)
            state = .decided(decision, head)
            startTimer(context: context)
        case (.end, .passing):
            state = .serving
            stopTimer()
            context.fireChannelRead(data)
        case (_, .passing), (_, .serving):
            context.fireChannelRead(data)
        case (.body, .decided(.upgrade, _)):
            refuse(
                .badRequest, code: "bad_handshake", message: "a WebSocket handshake has no body", context: context)
        case (.end, .decided(.refuse(let status, let code, let message), _)):
            refuse(status, code: code, message: message, context: context)
        case (.end, .decided(.upgrade, let head)):
            upgrade(head, context: context)
        default:
            break
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = Self.unwrapOutboundIn(data) { unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            switch state {
            case .passing, .serving: context.fireErrorCaught(error)
            case .waiting, .decided, .done: context.close(promise: nil)
            }
            return
        }
        // RFC 9112, section 9.6: what follows a request with `Connection: close` is not looked at. That one is answered.
        guard error != .closedConnection else { return }
        switch state {
        case .done: return
        case .passing, .serving:
            // The endpoints may be answering already.
            context.fireErrorCaught(error)
            return
        case .decided(.refuse(let status, let code, let message), _):
            // Whatever follows a request that is refused anyway.
            return refuse(status, code: code, message: message, context: context)
        case .waiting, .decided: break
        }
        if error == .headerOverflow { host.counters.count(.headerSize) }
        let refusal = RequestRules.Refusal(error)
        refuse(refusal.status, code: refusal.code, message: refusal.message, context: context)
    }

    /// Before anything can be refused: a refusal is what one looks for by these.
    private func note(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        client.describe(
            host.proxies.details(head, peer: context.remoteAddress), trace: TraceParent(head.headers["traceparent"]))
        requestID = RequestID.of(head.headers.first(name: RequestID.header))
    }

    private func decide(_ head: HTTPRequestHead) -> HandshakeDecision {
        guard !isOverAddressLimit else {
            return .refuse(
                .tooManyRequests, code: "too_many_connections",
                message: "this address already has as many connections as allowed (limits.connections_per_address)")
        }
        var head = head
        head.uri = host.proxies.target(head.uri)
        return .decide(head, rules: host.handshakeRules, isDraining: host.isDraining)
    }

    // MARK: Ways out

    private func timeOut(context: ChannelHandlerContext) {
        switch state {
        case .done, .serving: return
        case .passing:
            host.counters.count(.handshakeTime)
            context.close(promise: nil)
        case .waiting, .decided:
            // One connection too many was counted as that.
            if !isOverAddressLimit { host.counters.count(.handshakeTime) }
            refuse(
                .requestTimeout, code: "handshake_timeout",
                message: "no complete request within the handshake timeout", context: context)
        }
    }

    private func upgrade(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        do throws(HandshakeRefusal) {
            client.principal = try host.authorizer.authenticate(HandshakeRequest(head))
        } catch {
            let status: HTTPResponseStatus =
                switch error.status {
                case .unauthorized: .unauthorized
                case .forbidden: .forbidden
                }
            return refuse(status, code: error.code, message: error.message, context: context)
        }
        guard host.reserveClient() else {
            host.counters.count(.clients)
            return refuse(
                .serviceUnavailable, code: "too_many_clients",
                message: "the server is full (server.max_clients); try again later", context: context)
        }
        var own: HTTPHeaders = [Self.connectionIDHeader: client.id.description, RequestID.header: requestID]
        if let subprotocol = HandshakeDecision.subprotocol(of: head) { own.add(name: "Sec-WebSocket-Protocol", value: subprotocol) }
        let answerHeaders = own
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(answerHeaders) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let answer = upgrader.buildUpgradeResponse(
            channel: context.channel, upgradeRequest: head, initialResponseHeaders: [:])
        answer.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let headers): becomeWebSocket(headers, context: context)
            case .failure:
                host.releaseClient()
                refuse(
                    .badRequest, code: "bad_handshake", message: "the WebSocket handshake is malformed",
                    context: context)
            }
        }
    }

    private func becomeWebSocket(_ headers: HTTPHeaders, context: ChannelHandlerContext) {
        let isServing = hasHTTPPlace
        state = .done
        endPending(context)
        let response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.write(Self.wrapOutboundOut(.head(response)), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        host.log.connected(client, from: context.remoteAddress, requestID: requestID)
        let pipeline = context.pipeline.syncOperations
        do {
            if isServing {
                // The endpoints' handlers stay behind, where nothing reaches them but the end of the connection.
                releaseHTTPPlace()
                context.fireUserInboundEventTriggered(ConnectionEvent.upgraded)
                try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            }
            // Last first: the decoder hands on what the client sent right behind its request when it goes.
            try pipeline.addHandler(host.makeConnection(client, on: context.eventLoop), position: .after(self))
        } catch {
            host.releaseClient()
            context.close(promise: nil)
            return
        }
        pipeline.removeHandler(self, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
    }

    private func becomeHTTP(head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard host.reserveHTTP() else {
            host.counters.count(.httpConnections)
            return refuse(
                .serviceUnavailable, code: "too_many_http_connections",
                message: "there are too many HTTP connections (limits.http_connections); try again later",
                context: context)
        }
        hasHTTPPlace = true
        endPending(context)
        // Until the request is complete the handshake timeout runs.
        state = .passing
        unanswered = 1
        do {
            try host.makeHTTP(context.channel)
        } catch {
            state = .done
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(Self.wrapInboundOut(.head(head)))
    }

    private func refuse(
        _ status: HTTPResponseStatus, code: String, message: String, context: ChannelHandlerContext
    ) {
        state = .done
        host.log.refused(client, from: context.remoteAddress, requestID: requestID, status: status, code: code, reason: message)
        let body = ByteBuffer(string: ErrorBody.json(code: code, message: message))
        var headers = RefusalHeaders.of(status)
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        headers.add(name: Self.connectionIDHeader, value: client.id.description)
        headers.add(name: RequestID.header, value: requestID)
        let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(response)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            LingeringClose.begin(on: channel)
        }
    }
}
