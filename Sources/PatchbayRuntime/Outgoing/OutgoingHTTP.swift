import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// The HTTP requests that this process makes of other servers: today those of alert webhooks. Everything that goes out over HTTP goes
/// through here.
///
/// - A request has one deadline for all of it, to the last byte of the answer, and a connection of its own: such requests are
///   rare, and no idle connection can have gone stale in between.
/// - Redirects are not followed: one would carry secret headers to the host that an answer names.
/// - Certificates are checked against the authorities that the system trusts; those are read at the first request.
/// - Proxies are those of the environment (`ProxySettings`).
/// - What goes wrong is said without any part of the URL.
///
/// Connections live on one of the event loops given, so nothing here has threads of its own. Thread: any.
final class OutgoingHTTP: Sendable {
    struct Request: Sendable {
        var method: HTTPMethod
        var url: URL
        /// A name that comes twice has its last value. `Host`, `Content-Length` and `Connection` are set here.
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        /// For all of it, to the end of the answer.
        var timeout: Duration
        /// Bytes of the answer's body that are taken, 0 or more.
        var largestAnswer: Int
    }

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        /// A failure when it was larger than asked for, took too long or broke off. The status counts all the same.
        var body: Result<[UInt8], Failure>
    }

    /// Why there is no answer.
    struct Failure: Error, Equatable {
        /// For people, without any part of the URL.
        var reason: String
        /// False when the server surely never read the request.
        var mayHaveArrived: Bool

        static let late = Failure(reason: "no answer in time", mayHaveArrived: true)
        static let cancelled = Failure(reason: "cancelled", mayHaveArrived: true)
    }

    private struct State {
        /// One per proxy, `nil` for none; made when they are needed.
        var clients: [HTTPClient.Configuration.Proxy?: HTTPClient] = [:]
        var isClosed = false
    }

    /// How long a server may take to close its side of a TLS connection.
    private static let tlsCloseTimeout = TimeAmount.milliseconds(300)

    private let loop: any EventLoop
    private let proxies: ProxySettings
    private let tls: TLSConfiguration
    private let connectTimeout: TimeAmount
    private let state = Mutex(State())

    /// - Parameters:
    ///   - group: must outlive this, or `close`.
    ///   - tls: what certificates have to be like.
    ///   - connectTimeout: until a connection is made, its TLS included. A request whose deadline is earlier doesn't wait for it.
    init(
        group: any EventLoopGroup, proxies: ProxySettings = ProxySettings(environment: ProcessInfo.processInfo.environment),
        tls: TLSConfiguration = .makeClientConfiguration(), connectTimeout: TimeAmount = .seconds(10)
    ) {
        // One, so that what is left of a connection ends where it lived.
        loop = group.next()
        self.proxies = proxies
        var tls = tls
        tls.shutdownTimeout = Self.tlsCloseTimeout
        self.tls = tls
        self.connectTimeout = connectTimeout
    }

    deinit {
        // An HTTPClient must be shut down before it goes.
        for client in state.withLock({ $0.clients.values.map(\.self) }) { client.shutdown { _ in } }
    }

    /// Sends a request. Ends early, as a failure, when the task is cancelled.
    func send(_ request: Request) async throws(Failure) -> Answer {
        let deadline = ContinuousClock.now + request.timeout
        let proxy = try proxies.proxy(for: request.url)
        guard let client = client(proxy) else { throw Failure(reason: "cancelled", mayHaveArrived: false) }
        var outgoing = HTTPClientRequest(url: request.url.absoluteString)
        outgoing.method = request.method
        for header in request.headers { outgoing.headers.replaceOrAdd(name: header.name, value: header.value) }
        outgoing.headers.replaceOrAdd(name: "Connection", value: "close")
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        do {
            let response = try await client.execute(outgoing, timeout: TimeAmount(request.timeout))
            return Answer(
                status: Int(response.status.code), headers: response.headers,
                body: await Self.read(response.body, most: request.largestAnswer, until: deadline))
        } catch {
            throw Failure(error, isProxied: proxy != nil)
        }
    }

    /// Ends all connections. Waits for that, but not longer than a moment: one that is being made can't be given up.
    func close(within limit: Duration = .milliseconds(500)) async {
        let clients = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state.clients.values.map(\.self)
        }
        guard !clients.isEmpty else { return }
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        for client in clients { client.shutdown { _ in end.yield() } }
        let limiter = Task {
            try await Task.sleep(for: limit)
            end.finish()
        }
        var left = clients.count
        for await _ in ended {
            left -= 1
            if left == 0 { break }
        }
        limiter.cancel()
    }

    /// `nil` once closed.
    private func client(_ proxy: HTTPClient.Configuration.Proxy?) -> HTTPClient? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            if let client = state.clients[proxy] { return client }
            var configuration = HTTPClient.Configuration()
            configuration.tlsConfiguration = tls
            configuration.redirectConfiguration = .disallow
            configuration.timeout = .init(connect: connectTimeout)
            configuration.proxy = proxy
            configuration.httpVersion = .http1Only
            // The sender decides about trying again, and wants to know what went wrong.
            configuration.connectionPool.retryConnectionEstablishment = false
            let client = HTTPClient(eventLoopGroup: loop, configuration: configuration)
            state.clients[proxy] = client
            return client
        }
    }

    private static func read(
        _ body: HTTPClientResponse.Body, most: Int, until deadline: ContinuousClock.Instant
    ) async -> Result<[UInt8], Failure> {
        await withTaskGroup(of: Result<[UInt8], Failure>.self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                do {
                    for try await part in body {
                        guard bytes.count + part.readableBytes <= most else {
                            return .failure(Failure(reason: "the answer is too large", mayHaveArrived: true))
                        }
                        bytes += part.readableBytesView
                    }
                } catch {
                    return .failure(Failure(error, isProxied: false))
                }
                return Task.isCancelled ? .failure(.cancelled) : .success(bytes)
            }
            group.addTask {
                do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return .failure(.cancelled) }
                return .failure(.late)
            }
            let first = await group.next() ?? .failure(.cancelled)
            group.cancelAll()
            return first
        }
    }
}

extension OutgoingHTTP.Failure {
    /// Words for what a library throws. Its own may name the URL, secrets included.
    fileprivate init(_ error: any Error, isProxied: Bool) {
        switch error {
        case let failure as Self: self = failure
        case is CancellationError: self = .cancelled
        case let error as HTTPClientError: self.init(error)
        case let error as NIOConnectionError:
            // Without an address there was nothing to connect to.
            let isUnknown = error.connectionErrors.isEmpty
            self.init(reason: isUnknown ? "the host is unknown" : Self.unreachable(isProxied), mayHaveArrived: false)
        case is SocketAddressError: self.init(reason: "the host is unknown", mayHaveArrived: false)
        case is ChannelError: self.init(reason: "the connection was lost", mayHaveArrived: true)
        case let error as IOError:
            switch error.errnoCode {
            case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EACCES, EMFILE, ENFILE:
                self.init(reason: Self.unreachable(isProxied), mayHaveArrived: false)
            case ETIMEDOUT: self = .late
            default: self.init(reason: "the connection was lost", mayHaveArrived: true)
            }
        case is HTTPParserError: self.init(reason: "the answer is not HTTP", mayHaveArrived: true)
        case let error as NIOSSLError: self.init(error)
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self.init(reason: Self.insecure("the certificate is for another host"), mayHaveArrived: false)
        case is NIOSSLExtraError, is BoringSSLError: self.init(reason: Self.insecure(nil), mayHaveArrived: false)
        default: self.init(reason: "network error", mayHaveArrived: true)
        }
    }

    private init(_ error: HTTPClientError) {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
            self = .late
        case .httpProxyHandshakeTimeout, .socksHandshakeTimeout: self.init(reason: "the proxy does not answer", mayHaveArrived: false)
        case .proxyAuthenticationRequired: self.init(reason: "the proxy doesn't accept the credentials", mayHaveArrived: false)
        case .invalidProxyResponse: self.init(reason: "the proxy refuses the connection", mayHaveArrived: false)
        case .remoteConnectionClosed: self.init(reason: "the connection was lost", mayHaveArrived: true)
        case .cancelled, .alreadyShutdown: self = .cancelled
        default: self.init(reason: "network error", mayHaveArrived: true)
        }
    }

    private init(_ error: NIOSSLError) {
        switch error {
        case .handshakeFailed(let cause):
            // The library of TLS has no type for what went wrong, only these names.
            let text = String(describing: cause)
            let reason =
                text.contains("CERTIFICATE_VERIFY_FAILED")
                ? "the certificate has expired, or no authority that this machine trusts has signed it"
                : text.contains("WRONG_VERSION_NUMBER") ? "the server doesn't speak TLS on this port" : nil
            self.init(reason: Self.insecure(reason), mayHaveArrived: false)
        case .uncleanShutdown: self.init(reason: "the connection was lost", mayHaveArrived: true)
        default: self.init(reason: Self.insecure(nil), mayHaveArrived: false)
        }
    }

    private static func unreachable(_ isProxied: Bool) -> String { isProxied ? "can't connect to the proxy" : "can't connect" }

    private static func insecure(_ reason: String?) -> String { "no secure connection (TLS)" + (reason.map { ": \($0)" } ?? "") }
}
