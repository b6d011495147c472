import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import PatchbayRuntime

extension OutgoingHTTP {
    /// Past whatever proxy the tests' own environment names.
    static func direct(
        tls: TLSConfiguration = .makeClientConfiguration(), connectTimeout: TimeAmount = .seconds(10)
    ) -> OutgoingHTTP {
        OutgoingHTTP(
            group: MultiThreadedEventLoopGroup.singleton, proxies: ProxySettings(environment: [:]), tls: tls, connectTimeout: connectTimeout
        )
    }
}

/// What becomes of a request, and what is said when nothing comes of it. What a webhook makes of that is in `WebhookTests`.
@Suite struct OutgoingHTTPTests {
    private func send(
        _ url: String, by http: OutgoingHTTP = .direct(), timeout: Duration = .seconds(60), largest: Int = 1000
    ) async throws -> Result<OutgoingHTTP.Answer, OutgoingHTTP.Failure> {
        let request = OutgoingHTTP.Request(
            method: .GET, url: try #require(URL(string: url)), timeout: timeout, largestAnswer: largest)
        do throws(OutgoingHTTP.Failure) {
            let answer = try await http.send(request)
            await http.close()
            return .success(answer)
        } catch {
            await http.close()
            return .failure(error)
        }
    }

    private func failure(_ result: Result<OutgoingHTTP.Answer, OutgoingHTTP.Failure>) -> OutgoingHTTP.Failure? {
        if case .failure(let failure) = result { failure } else { nil }
    }

    @Test func anAnswerComesWhole() async throws {
        let receiver = try ScriptedReceiver([.status(503, headers: ["Retry-After": "7"])])
        let answer = try await send(receiver.url + "/a%20b?c=%2F&d").get()
        #expect(answer.status == 503)
        #expect(answer.headers.first(name: "retry-after") == "7")
        #expect(try answer.body.get() == Array("ok".utf8))
        #expect(receiver.requests.map(\.line) == ["GET /hook/a%20b?c=%2F&d HTTP/1.1"])
        #expect(receiver.requests.first?.headers["host"] == "127.0.0.1:\(receiver.port)")
        #expect(receiver.requests.first?.headers["connection"] == "close")
        receiver.stop()
    }

    @Test func aRedirectIsAnAnswer() async throws {
        let elsewhere = try ScriptedReceiver()
        let receiver = try ScriptedReceiver([.status(307, headers: ["Location": elsewhere.url])])
        #expect(try await send(receiver.url).get().status == 307)
        #expect(elsewhere.requests.isEmpty)
        receiver.stop()
        elsewhere.stop()
    }

    /// The deadline is for all of it; once the status is known, it counts whatever becomes of the rest.
    @Test func theDeadlineHoldsToTheLastByte() async throws {
        for reply in [ScriptedReceiver.Reply.silence, .trickle] {
            let receiver = try ScriptedReceiver([reply])
            #expect(failure(try await send(receiver.url, timeout: .milliseconds(200))) == .late)
            receiver.stop()
        }
        let receiver = try ScriptedReceiver([.endless, .endless])
        let late = try await send(receiver.url, timeout: .milliseconds(300), largest: 100 << 20).get()
        #expect(late.status == 200 && late.body == .failure(.late))
        let large = try await send(receiver.url).get()
        #expect(large.status == 200)
        #expect(large.body == .failure(.init(reason: "the answer is too large", mayHaveArrived: true)))
        receiver.stop()
    }

    @Test func failuresSayWhetherTheRequestMayHaveArrived() async throws {
        let receiver = try ScriptedReceiver([.hangUp, .notHTTP])
        #expect(failure(try await send(receiver.url)) == .init(reason: "the connection was lost", mayHaveArrived: true))
        #expect(failure(try await send(receiver.url)) == .init(reason: "the answer is not HTTP", mayHaveArrived: true))
        receiver.stop()
        let gone = OutgoingHTTP.Failure(reason: "can't connect", mayHaveArrived: false)
        #expect(failure(try await send(receiver.url)) == gone)
        #expect(failure(try await send("http://localhost:\(receiver.port)/")) == gone)
        #expect(
            failure(try await send("http://no-such-host.invalid/")) == .init(reason: "the host is unknown", mayHaveArrived: false))
    }

    // MARK: TLS

    private func trusting(_ certificate: String) throws -> OutgoingHTTP {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates([try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem)])
        return .direct(tls: tls)
    }

    @Test func aCertificateIsCheckedAndTheReasonIsSaidInWords() async throws {
        func insecure(_ reason: String) -> OutgoingHTTP.Failure {
            .init(reason: "no secure connection (TLS): \(reason)", mayHaveArrived: false)
        }
        let untrusted = insecure("the certificate has expired, or no authority that this machine trusts has signed it")
        let server = try await SecureServer(certificate: SecureServer.certificate)
        #expect(try await send("https://localhost:\(server.port)/", by: try trusting(SecureServer.certificate)).get().status == 200)
        #expect(failure(try await send("https://localhost:\(server.port)/")) == untrusted)
        #expect(
            failure(try await send("https://127.0.0.1:\(server.port)/", by: try trusting(SecureServer.certificate)))
                == insecure("the certificate is for another host"))
        try await server.stop()
        let old = try await SecureServer(certificate: SecureServer.expired)
        #expect(failure(try await send("https://localhost:\(old.port)/", by: try trusting(SecureServer.expired))) == untrusted)
        try await old.stop()
        let plain = try TextServer("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        #expect(
            failure(try await send("https://localhost:\(plain.port)/")) == insecure("the server doesn't speak TLS on this port"))
        plain.stop()
    }

    /// A connection that is being made can't be given up, and a shutdown can't wait for it. The test's clock once said so, which a
    /// busy machine made wrong.
    @Test(.timeLimit(.minutes(2))) func closingDoesNotWaitForAConnectionThatIsBeingMade() async throws {
        let silent = try TextServer("")
        let http = OutgoingHTTP.direct(connectTimeout: .minutes(5))
        let request = OutgoingHTTP.Request(
            method: .GET, url: try #require(URL(string: "https://localhost:\(silent.port)/")), timeout: .seconds(60), largestAnswer: 0)
        let sending = Task { () -> OutgoingHTTP.Failure? in
            do throws(OutgoingHTTP.Failure) {
                _ = try await http.send(request)
                return nil
            } catch {
                return error
            }
        }
        try await eventually("the connection") { silent.connections == 1 }
        sending.cancel()
        #expect(await sending.value == .cancelled)
        await http.close()
        #expect(silent.ended == 0, "the connection is still being made")
        silent.stop()
        await #expect(throws: OutgoingHTTP.Failure(reason: "cancelled", mayHaveArrived: false)) { try await http.send(request) }
    }

    // MARK: Proxies

    @Test func theEnvironmentNamesProxies() async throws {
        let proxy = try ScriptedReceiver([.status(403), .status(407)])
        let environment = ["https_proxy": "http://user:pass@127.0.0.1:\(proxy.port)", "no_proxy": "direct.example"]
        func through() -> OutgoingHTTP {
            OutgoingHTTP(group: MultiThreadedEventLoopGroup.singleton, proxies: ProxySettings(environment: environment))
        }
        #expect(
            failure(try await send("https://hooks.example/x", by: through()))
                == .init(reason: "the proxy refuses the connection", mayHaveArrived: false))
        #expect(
            failure(try await send("https://hooks.example:8443/x", by: through()))
                == .init(reason: "the proxy doesn't accept the credentials", mayHaveArrived: false))
        #expect(proxy.requests.map(\.line) == ["CONNECT hooks.example:443 HTTP/1.1", "CONNECT hooks.example:8443 HTTP/1.1"])
        #expect(proxy.requests.first?.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz")
        proxy.stop()
        #expect(
            failure(try await send("https://hooks.example/x", by: through()))
                == .init(reason: "can't connect to the proxy", mayHaveArrived: false))
    }

    @Test(
        arguments: [
            ("https://a/", ["https_proxy": "p:1"], "p:1"), ("https://a/", ["HTTPS_PROXY": "http://p"], "p:1080"),
            ("http://a/", ["https_proxy": "p:1"], nil), ("http://a/", ["http_proxy": "p:1"], "p:1"),
            ("http://a/", ["HTTP_PROXY": "p:1"], nil), ("http://a/", ["ALL_PROXY": "socks5://[::1]:9"], "::1:9"),
            ("https://a/", ["all_proxy": "q:1", "https_proxy": "p:1"], "p:1"), ("https://a/", ["https_proxy": ""], nil),
            ("https://a/", ["https_proxy": "p:1", "no_proxy": "*"], nil),
            ("https://x.a.b/", ["https_proxy": "p:1", "NO_PROXY": "c, .a.b"], nil),
            ("https://xa.b/", ["https_proxy": "p:1", "no_proxy": "a.b"], "p:1"),
            ("https://10.1.2.3/", ["https_proxy": "p:1", "no_proxy": "10.0.0.0/8"], nil),
            ("https://[::1]/", ["https_proxy": "p:1", "no_proxy": "::1"], nil),
            ("https://11.0.0.1/", ["https_proxy": "p:1", "no_proxy": "10.0.0.0/8"], "p:1"),
        ] as [(String, [String: String], String?)])
    func proxiesAreChosenAsCurlDoes(url: String, environment: [String: String], expected: String?) throws {
        let proxy = try ProxySettings(environment: environment).proxy(for: try #require(URL(string: url)))
        #expect(proxy.map { "\($0.host):\($0.port)" } == expected)
    }

    /// Going around what the environment names could be what it is there to prevent.
    @Test(arguments: ["https://p:1", "socks4://p:1", "socks5://u:p@p:1", "http://", "http://p:x"])
    func whatIsNoProxyIsAFailure(text: String) throws {
        let settings = ProxySettings(environment: ["https_proxy": text])
        let url = try #require(URL(string: "https://a/"))
        #expect(throws: OutgoingHTTP.Failure.self) { try settings.proxy(for: url) }
    }
}
