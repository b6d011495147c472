import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import PatchbayCore
import PatchbayDelivery
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// HTTP endpoints: Hummingbird's router on connections that somebody else accepts.
struct Endpoints: Sendable {
    typealias HTTPRouter = Hummingbird.Router<BasicRequestContext>

    private let channelHandler: HTTP1Channel
    private let logger: Logger
    private let timeout: TimeAmount
    private let counters: LimitCounters
    private let open = OpenConnections()
    /// Every path that is served.
    let paths: Set<String>

    /// - Parameters:
    ///   - timeout: for a complete request, and for a complete answer.
    ///   - corsOrigins: pages whose scripts may read the answers.
    ///   - log: for what is said about pages that may not.
    ///   - proxies: which ones are believed, and below which path everything is.
    ///   - add: adds the routes.
    init(
        logger: Logger, timeout: TimeAmount = .seconds(60), corsOrigins: [String] = [], log: ConnectionLog? = nil,
        counters: LimitCounters = LimitCounters(), proxies: ProxyTrust = ProxyTrust(ServerConfiguration()),
        add: (HTTPRouter) -> Void
    ) {
        self.timeout = timeout
        self.counters = counters
        let router = HTTPRouter(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        let methods = AllowedMethods()
        router.add(middleware: AnswerHeaders())
        router.add(middleware: SecurityHeaders())
        router.add(middleware: CrossOrigin(origins: OriginList(corsOrigins), log: log ?? ConnectionLog(logger: logger)))
        router.add(middleware: ErrorsAsJSON(methods: methods))
        add(router)
        methods.learn(router.routes)
        paths = Set(router.routes.map { "\($0.path)" })
        let responder = router.buildResponder()
        self.logger = logger
        self.channelHandler = HTTP1Channel(responder: { request, writer, channel in
            let request = proxies.placed(request, peer: channel.remoteAddress)
            let context = BasicRequestContext(source: .init(channel: channel, logger: logger))
            // ErrorsAsJSON answers everything; what still throws is the transport.
            let response = try await responder.respond(to: request, context: context)
            try await writer.write(response: response.head, body: response.body)
        })
    }

    /// Makes a connection's pipeline an HTTP one and serves it until it closes.
    ///
    /// Thread: loop.
    func serve(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        // A client that ends its direction after the request still gets its answer.
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        try pipeline.addHandler(ExchangeHandler(counters: counters))
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(ExchangeTimeout(timeout) { [counters] in counters.count(.httpIdle) })
        let wrapped = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        open.add(channel)
        Task { [channelHandler, logger, open] in
            await channelHandler.handle(value: wrapped, logger: logger)
            open.remove(channel)
        }
    }

    /// Closes all connections, kept-alive ones included, and waits until their tasks are done, for at most a second:
    /// a task that outlives its event loop has nothing left to write to.
    func close() async {
        let deadline = ContinuousClock.now + .seconds(1)
        while open.closeAll() > 0, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(2)) }
    }
}

/// The HTTP connections that are open now.
private final class OpenConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = channel } }

    func remove(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = nil } }

    /// Returns how many are still there.
    func closeAll() -> Int {
        let open = channels.withLock { Array($0.values) }
        for channel in open { channel.close(promise: nil) }
        return open.count
    }
}

/// An error that an endpoint answers with.
struct EndpointError: Error {
    var status: HTTPResponse.Status
    var code: String
    var message: String
}

/// Answers every error with JSON, so that clients parse one format: unknown paths, refusals and bugs alike.
private struct ErrorsAsJSON: RouterMiddleware {
    typealias Context = BasicRequestContext

    let methods: AllowedMethods

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as EndpointError {
            var response = Response.error(error.status, code: error.code, message: error.message)
            if error.status == .upgradeRequired { response.headers[.upgrade] = "websocket" }
            return response
        } catch let error as any HTTPResponseError {
            if error.status == .notFound {
                if let allowed = methods.allowed(at: request.uri.path) {
                    var response = Response.error(
                        .methodNotAllowed, code: "method_not_allowed",
                        message: "\(ClientText.shown(request.uri.path)) takes \(allowed), not \(ClientText.shown(request.method.rawValue))")
                    response.headers[.allow] = allowed
                    return response
                }
                return .error(
                    .notFound, code: "not_found",
                    message: "there is nothing at \(ClientText.shown(request.method.rawValue)) \(ClientText.shown(request.uri.path))")
            }
            return .error(error.status, code: "request_refused", message: error.status.reasonPhrase)
        } catch {
            context.logger.error("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return .error(
                .internalServerError, code: "internal_error", message: "the server failed to answer; its log says why")
        }
    }
}

extension Response {
    static func json(status: HTTPResponse.Status, body: ByteBuffer) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: body))
    }

    static func error(_ status: HTTPResponse.Status, code: String, message: String) -> Response {
        json(status: status, body: ByteBuffer(string: ErrorBody.json(code: code, message: message)))
    }
}
