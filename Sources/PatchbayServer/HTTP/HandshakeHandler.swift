import NIOCore
import NIOHTTP1
import NIOWebSocket
import PatchbayCore

/// Reads the first request of a connection and decides its life: a WebSocket connection, or the HTTP endpoints.
/// Either way this handler goes away; a connection that makes no request in time is closed.
///
/// Thread: loop.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// What the handler needs of its server. Thread: loop.
    struct Environment {
        var timeout: TimeAmount
        var rules: HandshakeDecision.Rules
        var isDraining: () -> Bool
        /// Takes a place for a WebSocket connection; `false` when all are taken.
        var reservePlace: () -> Bool
        var releasePlace: () -> Void
        var makeConnection: (any EventLoop) throws -> WebSocketConnection
        /// Makes the pipeline an ordinary HTTP one.
        var serveHTTP: (any Channel) throws -> Void
    }

    private enum State {
        case waiting
        /// The head is decided on and carried out when the request is complete.
        case decided(HandshakeDecision, HTTPRequestHead)
        case done
    }

    private let environment: Environment
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var state = State.waiting
    private var timer: Scheduled<Void>?

    init(
        environment: Environment, encoder: HTTPResponseEncoder, decoder: ByteToMessageHandler<HTTPRequestDecoder>
    ) {
        self.environment = environment
        self.encoder = encoder
        self.decoder = decoder
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: environment.timeout) { [weak self] in
            self?.timeOut(context: context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        state = .done
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (Self.unwrapInboundIn(data), state) {
        case (.head(let head), .waiting):
            let decision = HandshakeDecision.decide(
                head, rules: environment.rules, isDraining: environment.isDraining())
            if decision == .http {
                becomeHTTP(head: head, context: context)
            } else {
                state = .decided(decision, head)
            }
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            context.close(promise: nil)
            return
        }
        if case .done = state { return }
        if error == .headerOverflow {
            refuse(
                .requestHeaderFieldsTooLarge, code: "headers_too_large", message: "the request's headers are too large",
                context: context)
        } else {
            refuse(.badRequest, code: "bad_request", message: "this is not HTTP/1.1: \(error)", context: context)
        }
    }

    // MARK: Ways out

    private func timeOut(context: ChannelHandlerContext) {
        if case .done = state { return }
        refuse(
            .requestTimeout, code: "handshake_timeout", message: "no complete request within the handshake timeout",
            context: context)
    }

    private func upgrade(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard environment.reservePlace() else {
            return refuse(
                .serviceUnavailable, code: "too_many_clients",
                message: "all places are taken (server.max_clients); try again later", context: context)
        }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let answer = upgrader.buildUpgradeResponse(
            channel: context.channel, upgradeRequest: head, initialResponseHeaders: [:])
        answer.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let headers): becomeWebSocket(headers, context: context)
            case .failure:
                environment.releasePlace()
                refuse(
                    .badRequest, code: "bad_handshake", message: "the WebSocket handshake is malformed",
                    context: context)
            }
        }
    }

    private func becomeWebSocket(_ headers: HTTPHeaders, context: ChannelHandlerContext) {
        state = .done
        let response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.write(Self.wrapOutboundOut(.head(response)), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        do {
            // Last first: the decoder hands on what the client sent right behind its request when it goes.
            try pipeline.addHandler(environment.makeConnection(context.eventLoop))
        } catch {
            environment.releasePlace()
            context.close(promise: nil)
            return
        }
        pipeline.removeHandler(self, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
    }

    private func becomeHTTP(head: HTTPRequestHead, context: ChannelHandlerContext) {
        state = .done
        do {
            try environment.serveHTTP(context.channel)
        } catch {
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(Self.wrapInboundOut(.head(head)))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(
        _ status: HTTPResponseStatus, code: String, message: String, context: ChannelHandlerContext
    ) {
        state = .done
        let body = ByteBuffer(string: ErrorBody.json(code: code, message: message))
        var headers: HTTPHeaders = [
            "Content-Type": "application/json", "Content-Length": String(body.readableBytes), "Connection": "close",
        ]
        if status == .upgradeRequired {
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Sec-WebSocket-Version", value: "13")
        }
        if status == .serviceUnavailable { headers.add(name: "Retry-After", value: "5") }
        let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(response)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
        // The client reads the answer and closes; if it does not, we do.
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}
