import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

/// Answers every request over TLS with 200.
final class SecureServer: Sendable {
    let port: Int
    private let channel: any Channel

    init(certificate: String) async throws {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem)
        let context = try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answerer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func stop() async throws { try await channel.close() }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: ["Content-Length": "0"]))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    // Made for these tests with openssl; nobody else trusts them. Both are for `localhost`.

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUZCHILkqneZXElb3
        jGYvGheCarDuewmYU4vn4X7tT8uhRANCAASYTSR6S/lIsmHLYM13jzeynznEbuKM
        v90/jMSxyEqXSxVVcgHoTPhVfP3cvuvcRtD37rF7fAqcF/ejsVbHt/dN
        -----END PRIVATE KEY-----
        """

    /// Until 2120.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBYTCCAQegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
        c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
        CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJhNJHpL+UiyYctg
        zXePN7KfOcRu4oy/3T+MxLHISpdLFVVyAehM+FV8/dy+69xG0PfusXt8CpwX96Ox
        Vse3902jSDBGMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/
        MB0GA1UdDgQWBBRRm7INKkVeqaPJn+P0edNeOo0gtDAKBggqhkjOPQQDAgNIADBF
        AiEAjJo1ealcmkPvPxmPFIYyc4cf0RbVIWT//CVe9JPXTh0CIGl/rWN3OoYqHnE8
        CBu5rkghxquPrfBhSgoyZ5GyYitE
        -----END CERTIFICATE-----
        """

    /// Since February 2020.
    static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBXjCCAQWgAwIBAgIBAjAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
        c3QwHhcNMjAwMTAxMDAwMDAwWhcNMjAwMjAxMDAwMDAwWjAUMRIwEAYDVQQDDAls
        b2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASYTSR6S/lIsmHLYM13
        jzeynznEbuKMv90/jMSxyEqXSxVVcgHoTPhVfP3cvuvcRtD37rF7fAqcF/ejsVbH
        t/dNo0gwRjAUBgNVHREEDTALgglsb2NhbGhvc3QwDwYDVR0TAQH/BAUwAwEB/zAd
        BgNVHQ4EFgQUUZuyDSpFXqmjyZ/j9HnTXjqNILQwCgYIKoZIzj0EAwIDRwAwRAIg
        JMOBQADm2EA3QDZUSk70vuylnr0U3Ia5xIWKvI1qHyICIDdsWE3wkIaENp/GIZzs
        WV7A3GbSJ4eARcP1SIvNBaEr
        -----END CERTIFICATE-----
        """
}

/// Says the same to everybody who connects, whatever they say, and waits for them to leave.
final class TextServer: Sendable {
    let port: Int
    private let listener: Int32
    private let accepted = Atomic<Int>(0)
    private let closed = Atomic<Int>(0)

    var connections: Int { accepted.load(ordering: .relaxed) }
    /// Of those, the ones that the client has closed.
    var ended: Int { closed.load(ordering: .relaxed) }

    init(_ text: String) throws {
        signal(SIGPIPE, SIG_IGN)
        let socket = try ListeningSocket(backlog: 16)
        listener = socket.descriptor
        port = socket.port
        Thread.detachNewThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                accepted.wrappingAdd(1, ordering: .relaxed)
                Thread.detachNewThread {
                    var chunk = [UInt8](repeating: 0, count: 4096)
                    while recv(connection, &chunk, chunk.count, 0) > 0 {
                        let bytes = Array(text.utf8)
                        _ = Foundation.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    }
                    close(connection)
                    self.closed.wrappingAdd(1, ordering: .relaxed)
                }
            }
            close(listener)
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
