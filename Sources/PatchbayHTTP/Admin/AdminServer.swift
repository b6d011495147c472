import HTTPTypes
import Hummingbird
public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
public import PatchbayDelivery
public import PatchbaySettings
import Synchronization

/// What an operator's request gets.
public struct AdminAnswer: Sendable {
    /// An HTTP status.
    public var status: Int
    /// JSON.
    public var body: String

    public init(status: Int, body: String) {
        self.status = status
        self.body = body
    }
}

/// What an operator asks for.
public enum ReloadRequest: Sendable, Equatable {
    /// Load the configuration again.
    case apply
    /// Say what that would change, or what the candidate would change in the place of the main file.
    case preview(candidate: [UInt8]?)
}

/// The listener for operators: reloading, health, metrics. Apart from the clients' port, so that a firewall, or the
/// loopback address alone, can keep it from them.
///
/// Thread: any.
public final class AdminServer: Sendable {
    private let settings: AdminSettings
    private let group: any EventLoopGroup
    private let endpoints: Endpoints
    private let log: ConnectionLog
    private let counters: LimitCounters
    private let listener = Mutex<(any Channel)?>(nil)
    private let places = ConnectionSlots(most: AdminServer.maximumConnections)

    /// More are closed at once: a handful of people and programs come here.
    public static let maximumConnections = 256

    /// - Parameters:
    ///   - health: the report behind `/health`.
    ///   - metrics: the page behind `/metrics`.
    ///   - probes: the answers behind `/health/live` and `/health/ready`; without them there are none.
    ///   - counters: where pauses of accepting are counted: those of the clients' server, so that `/metrics` has them.
    ///   - largestCandidate: bytes that a posted candidate may have.
    ///   - reload: loads the configuration again, or says what that would change.
    public init(
        settings: AdminSettings, group: any EventLoopGroup, logger: Logger,
        health: @escaping @Sendable () -> HealthReport, metrics: @escaping @Sendable () -> ByteBuffer = { ByteBuffer() },
        probes: HealthProbes? = nil,
        counters: LimitCounters = LimitCounters(),
        largestCandidate: Int = 8 << 20,
        reload: @escaping @Sendable (ReloadRequest) async -> AdminAnswer
    ) {
        self.settings = settings
        self.group = group
        log = ConnectionLog(logger: logger)
        self.counters = counters
        endpoints = Endpoints(logger: logger) { router in
            router.add(middleware: OwnHost(names: HostList(settings.allowedHosts + [settings.host]), log: ConnectionLog(logger: logger)))
            StandardEndpoints.add(to: router, health: health, metrics: metrics)
            if let probes { StandardEndpoints.add(probes, to: router) }
            router.post("-/reload") { request, _ -> Response in
                let answer = await reload(try await Self.wish(request, largestCandidate: largestCandidate))
                return .json(status: .init(code: answer.status), body: ByteBuffer(string: answer.body))
            }
        }
    }

    /// Binds the port and starts to accept.
    ///
    /// - Returns: the port, which matters when the configured one is 0.
    /// - Throws: when the address can't be bound.
    public func start() async throws -> Int {
        let (endpoints, places, log, counters) = (endpoints, places, log, counters)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptGate(pending: nil, counters: counters, log: log))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard places.reserve() else { throw ChannelError.operationUnsupported }
                    channel.closeFuture.whenComplete { _ in places.release() }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withErrorHandling: false)
                    try endpoints.serve(channel)
                }
            }
            .bind(host: settings.host, port: settings.port)
            .get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? settings.port
    }

    /// Stops accepting and closes every connection.
    public func stop() async {
        let channel = listener.withLock { $0.take() }
        try? await channel?.close()
        await endpoints.close()
    }

    private static func wish(_ request: Request, largestCandidate: Int) async throws -> ReloadRequest {
        let isDryRun = try isDryRun(request)
        var body: ByteBuffer
        do {
            // A reload takes none, so one byte is as good as many.
            body = try await request.body.collect(upTo: isDryRun ? largestCandidate : 1)
        } catch is NIOTooManyBytesError {
            guard isDryRun else { throw noBodyWanted }
            throw EndpointError(
                status: .contentTooLarge, code: "body_too_large",
                message: "a candidate may have at most \(largestCandidate) bytes, like the file itself")
        }
        let bytes = body.readBytes(length: body.readableBytes) ?? []
        guard isDryRun else {
            guard bytes.isEmpty else { throw noBodyWanted }
            return .apply
        }
        return .preview(candidate: bytes.isEmpty ? nil : bytes)
    }

    private static var noBodyWanted: EndpointError {
        EndpointError(
            status: .badRequest, code: "unexpected_body",
            message: "a reload loads the server's own files; a candidate can only be previewed: add ?dry_run=1")
    }

    private static func isDryRun(_ request: Request) throws -> Bool {
        var isDryRun = false
        for (name, value) in request.uri.queryParameters {
            guard name == "dry_run" else {
                throw EndpointError(
                    status: .badRequest, code: "unknown_parameter",
                    message: "unknown parameter \"\(name.prefix(100))\"; allowed is dry_run")
            }
            switch value {
            case "1", "true": isDryRun = true
            case "0", "false": isDryRun = false
            default:
                throw EndpointError(
                    status: .badRequest, code: "invalid_parameter", message: "dry_run must be 1 or 0")
            }
        }
        return isDryRun
    }
}
