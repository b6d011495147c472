import Foundation
import Logging
import NIOCore
import PatchbaySettings
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// What RFC 9110 and 9112 ask of a server, over real sockets, on the clients' port and on the operators'.
@Suite(.serialized) struct ExchangeTests {
    enum Listener: String, CaseIterable, Sendable { case clients, operators }

    /// Runs `body` with the port of one of the two listeners, both of them real.
    private func with(
        _ listener: Listener, configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (Int, ServerFixture) async throws -> Void
    ) async throws {
        try await ServerFixture.run(configure: configure) { fixture in
            guard listener == .operators else { return try await body(fixture.port, fixture) }
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let reporter = HealthReporter(
                maxClients: 10, router: fixture.router, source: { SourceHealth() },
                configuration: { ConfigurationStatus(appliedAtMilliseconds: 0) })
            let admin = AdminServer(
                settings: .anyPort(), group: fixture.group, logger: logger, health: { reporter.report() },
                reload: { request in
                    guard case .preview(let candidate) = request else {
                        // Slow on purpose: what comes behind the request comes before the answer.
                        try? await Task.sleep(for: .milliseconds(300))
                        return AdminAnswer(status: 200, body: "{}")
                    }
                    return AdminAnswer(status: 200, body: "{\"bytes\":\(candidate?.count ?? 0)}")
                })
            let port = try await admin.start()
            do {
                try await body(port, fixture)
            } catch {
                await admin.stop()
                throw error
            }
            await admin.stop()
        }
    }

    /// One answer with its body, and nothing of the next one.
    private func answer(on socket: TestSocket, toHead: Bool = false) async throws -> (head: String, body: String) {
        let head = try await socket.receive(through: "\r\n\r\n", timeout: .seconds(20))
        let length = head.header("Content-Length").flatMap { Int($0) } ?? 0
        let body = toHead ? [] : try await socket.receive(length, timeout: .seconds(20))
        return (head, String(decoding: body, as: UTF8.self))
    }

    private static let askForUpgrade = [
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "POST /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc",
        "POST /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: foo\r\nConnection: keep-alive, Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    ]

    // MARK: Upgrades that nobody takes

    /// NIO's decoder, as the parser below it, stops behind every request that asks for an upgrade, since what follows
    /// may be another protocol. We answered such a request as any other, and then the connection was deaf for a minute:
    /// with curl's `--http2`, Java's default client, and half of what came through an nginx with upstream keep-alive.
    @Test(arguments: Listener.allCases, askForUpgrade.indices)
    func aRequestBehindAnUpgradeThatIsNotTakenIsAnswered(_ listener: Listener, _ index: Int) async throws {
        try await with(listener) { port, _ in
            for before in ["", "GET /health/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
                let socket = try TestSocket(port: port)
                if !before.isEmpty {
                    try await socket.send(before)
                    #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 404 "))
                }
                try await socket.send(Self.askForUpgrade[index])
                let first = try await answer(on: socket)
                #expect(first.head.hasPrefix("HTTP/1.1 ") && !first.head.hasPrefix("HTTP/1.1 101 "))
                if first.head.header("Connection")?.lowercased() == "close" {
                    let rest = try await socket.receiveToEndOrReset(timeout: .seconds(20))
                    #expect(rest.text.isEmpty && !rest.wasReset)
                } else {
                    try await socket.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 "))
                }
            }
        }
    }

    /// Bytes that nobody read turn a close into a reset, and a reset may overtake the answer: requests sent behind one
    /// with `Connection: close`, or behind an upgrade, cost the client the answer it was waiting for.
    @Test(arguments: Listener.allCases)
    func bytesBehindTheLastRequestDoNotResetTheConnection(_ listener: Listener) async throws {
        try await with(listener) { port, _ in
            let last = ["GET /health", "POST /-/reload"].map { "\($0) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" }
            for request in Self.askForUpgrade + last {
                let socket = try TestSocket(port: port)
                let junk = String(repeating: "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 5000)
                try await socket.send(request + junk)
                let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
                #expect(all.text.hasPrefix("HTTP/1.1 ") && !all.wasReset, "\(request): \(all.text.prefix(300))")
                // Only the one request is answered once the end was announced.
                if all.text.header("Connection") == "close" {
                    #expect(all.text.components(separatedBy: "HTTP/1.1 ").count == 2, "\(all.text.prefix(2000))")
                }
            }
        }
    }

    // MARK: Handshakes behind other requests

    /// nginx and HAProxy send a handshake over a connection that has served requests before, when they keep connections to
    /// us. It was refused with 426, so that behind such a proxy no WebSocket ever opened.
    @Test func aHandshakeMayFollowOtherRequests() async throws {
        try await with(
            .clients,
            configure: {
                $0.limits.httpConnections = 1
                $0.server.httpIdleTimeout = .seconds(2)
            }
        ) { port, fixture in
            let client = WebSocketTestClient(socket: try TestSocket(port: port))
            for _ in 0..<3 {
                try await client.socket.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await answer(on: client.socket).head.hasPrefix("HTTP/1.1 200 "))
            }
            #expect(fixture.refusals(.httpConnections) == 0)
            // With its first request right behind.
            let ping = WebSocketTestClient.frame(payload: Array(#"{"type":"ping","id":1}"#.utf8))
            try await client.socket.send(Array(WebSocketTestClient.handshake().utf8) + ping)
            #expect(try await client.socket.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 101 "))
            #expect(try await client.receive().data == #"{"id":1}"#)
            try await client.subscribe("a")
            // It is none of the HTTP connections any more, nor are their timeouts its own.
            let other = try TestSocket(port: port)
            try await other.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await answer(on: other).head.hasPrefix("HTTP/1.1 200 "))
            #expect(try await other.receiveToEnd().isEmpty)
            #expect(fixture.refusals(.httpIdle) == 1)
            fixture.publish(0..<90, to: "a", padding: 2000)
            for number in 0..<90 { #expect(try await client.receive().data.hasPrefix("{\"n\":\(number),")) }
            #expect(fixture.server.clientCount == 1)
            client.socket.finishWriting()
            try await eventually("its place to be free") { fixture.server.clientCount == 0 }
        }
    }

    @Test func aHandshakeBehindOtherRequestsMayBeRefused() async throws {
        try await with(
            .clients,
            configure: {
                $0.server.maxClients = 1
                $0.server.handshakeTimeout = .seconds(1)
            }
        ) { port, fixture in
            let only = try await WebSocketTestClient(port: port)
            for (handshake, status) in [
                (WebSocketTestClient.handshake(path: "/nowhere"), "404"), (WebSocketTestClient.handshake(), "503"),
                // One that never ends, longer after the connection's beginning than a handshake may take.
                (WebSocketTestClient.handshake(headers: ["Content-Length": "1"]), "408"),
            ] {
                let socket = try TestSocket(port: port)
                try await socket.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 "))
                try await socket.send(handshake)
                let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
                #expect(all.text.hasPrefix("HTTP/1.1 \(status) ") && !all.wasReset, "\(all.text)")
            }
            // Sent behind a request without waiting for its answer, it may come too early, but is answered in order.
            only.socket.close()
            try await eventually("the place to be free") { fixture.server.clientCount == 0 }
            let socket = try TestSocket(port: port)
            try await socket.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + WebSocketTestClient.handshake())
            #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 "))
            #expect(try await socket.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 426 "))
        }
    }

    // MARK: Hosts

    /// RFC 9112, section 3.2: a request of HTTP/1.1 names its host once. Ones without, or with two, were served.
    @Test(arguments: Listener.allCases)
    func aRequestNamesItsHostOnce(_ listener: Listener) async throws {
        try await with(listener) { port, _ in
            let upgrade =
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            for (line, extra) in [("GET /health", ""), ("GET /ws", upgrade)] {
                for hosts in [
                    "", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nX-A: b\r\nhost: y\r\n", "Host: a b\r\n",
                    "Host: x/y\r\n",
                ] {
                    let socket = try TestSocket(port: port)
                    try await socket.send("\(line) HTTP/1.1\r\n\(hosts)\(extra)\r\n")
                    let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
                    #expect(all.text.hasPrefix("HTTP/1.1 400 ") && all.text.contains("Host"), "\(hosts): \(all.text)")
                    #expect(!all.wasReset)
                }
            }
            let old = try TestSocket(port: port)
            try await old.send("GET /health HTTP/1.0\r\n\r\n")
            #expect(try await answer(on: old).head.hasPrefix("HTTP/1.1 200 "))
        }
    }

    // MARK: Handshakes

    /// RFC 6455, section 4.1, wants HTTP/1.1, and RFC 9110, section 7.8, has an upgrade in HTTP/1.0 ignored. One was
    /// taken. Where it comes from is a proxy without `proxy_http_version 1.1`, so the answer says that.
    @Test func anUpgradeInHTTP10IsRefused() async throws {
        try await with(.clients) { port, fixture in
            let socket = try TestSocket(port: port)
            try await socket.send(WebSocketTestClient.handshake().replacingOccurrences(of: "HTTP/1.1", with: "HTTP/1.0"))
            let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
            #expect(all.text.hasPrefix("HTTP/1.1 426 "), "\(all.text)")
            #expect(all.text.contains("HTTP/1.0") && all.text.header("Upgrade") == "websocket" && !all.wasReset)
            #expect(fixture.server.openedCount == 0)
        }
    }

    /// RFC 9112, section 3.2.2: a server takes a target with scheme and host. All paths did but the WebSocket's.
    @Test(arguments: ["http://x/ws", "HTTP://x:8080/ws?a=b", "ws://x/ws"])
    func aTargetMayNameSchemeAndHost(_ target: String) async throws {
        try await with(.clients) { port, _ in
            let client = try await WebSocketTestClient(port: port, path: target)
            try await client.subscribe("a")
            let plain = try TestSocket(port: port)
            try await plain.send("GET http://x/health HTTP/1.1\r\nHost: y\r\n\r\n")
            #expect(try await answer(on: plain).head.hasPrefix("HTTP/1.1 200 "))
            try await plain.send("GET http://x HTTP/1.1\r\nHost: y\r\n\r\n")
            let root = try await answer(on: plain)
            #expect(!root.head.hasPrefix("HTTP/1.1 404 "), "\(root.head)")
        }
    }

    /// RFC 9110, section 5.5: space around a header's value is no part of it. The parser strips it in front only, so
    /// that a key with a space behind was no key.
    /// It was told that a handshake must be the first request of its connection, which it needn't be any more.
    @Test func aHandshakeThatDoesNotWaitForAnswersIsToldSo() async throws {
        try await ServerFixture.run { server in
            let handshake =
                "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            let socket = try TestSocket(port: server.port)
            // At once, so that none of the first is answered when the second comes.
            try await socket.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake)
            #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 "))
            let refusal = try await answer(on: socket)
            #expect(refusal.head.hasPrefix("HTTP/1.1 426 "))
            #expect(refusal.body.contains("must wait until the requests before it on its connection are answered"), "\(refusal.body)")
        }
    }

    @Test func spaceAroundHeadersIsNoPartOfThem() async throws {
        try await with(.clients, configure: { $0.server.allowedOrigins = ["https://app.example"] }) { port, _ in
            let client = try await WebSocketTestClient(
                port: port,
                headers: [
                    "Sec-WebSocket-Key": " \t dGhlIHNhbXBsZSBub25jZQ== \t", "Sec-WebSocket-Version": "\t13 ",
                    "Host": " localhost ", "Origin": " https://app.example  ",
                ])
            try await client.subscribe("a")
        }
    }

    // MARK: Bodies

    /// A chunk of no size closed the connection without a word, as did a coding that we don't know.
    @Test(
        arguments: Listener.allCases,
        [
            ("Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"), ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n", "400"),
            ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"), ("Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "501"),
            ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"),
            ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"), ("Content-Length: x\r\n\r\n", "400"),
        ])
    func aBodyThatCannotBeReadIsAnswered(_ listener: Listener, _ request: (rest: String, status: String)) async throws {
        try await with(listener) { port, _ in
            for before in ["", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
                let socket = try TestSocket(port: port)
                // What waits for its body; the clients' port has nothing of the kind and may refuse it before.
                let line = listener == .operators ? "POST /-/reload?dry_run=1" : "POST /health"
                try await socket.send("\(before)\(line) HTTP/1.1\r\nHost: localhost\r\n\(request.rest)")
                if !before.isEmpty { #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 ")) }
                let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
                let isAnswered = all.text.hasPrefix("HTTP/1.1 \(request.status) ")
                #expect(isAnswered || (listener == .clients && all.text.hasPrefix("HTTP/1.1 405 ")), "\(all.text)")
                #expect(!all.wasReset && all.text.components(separatedBy: "HTTP/1.1 ").count == 2, "\(all.text)")
            }
        }
    }

    /// A client that asks first whether it may send its body waited for its own patience to end: curl for a second
    /// with every candidate above a megabyte, others for ever.
    @Test func aClientThatExpectsToBeToldToGoOnIsTold() async throws {
        try await with(.operators) { port, _ in
            let socket = try TestSocket(port: port)
            let head = "POST /-/reload?dry_run=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            for _ in 0..<2 {
                try await socket.send(head)
                #expect(try await socket.receive(through: "\r\n\r\n", timeout: .seconds(20)) == "HTTP/1.1 100 Continue\r\n\r\n")
                try await socket.send("hello")
                #expect(try await answer(on: socket).body == "{\"bytes\":5}")
            }
            // Behind a request that is still to be answered, and with the body sent unasked.
            try await socket.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + head + "hello")
            #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 200 "))
            var second = try await answer(on: socket)
            if second.head.hasPrefix("HTTP/1.1 100 ") { second = try await answer(on: socket) }
            #expect(second.body == "{\"bytes\":5}")
            // What else a client may expect, we don't do.
            try await socket.send("GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\n\r\n")
            #expect(try await answer(on: socket).head.hasPrefix("HTTP/1.1 417 "))
        }
    }

    // MARK: Answers

    @Test(arguments: Listener.allCases)
    func everyAnswerIsDated(_ listener: Listener) async throws {
        try await with(listener) { port, _ in
            for request in [
                "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "GET /health HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n",
                WebSocketTestClient.handshake(path: "/nowhere"),
            ] {
                let socket = try TestSocket(port: port)
                try await socket.send(request)
                let head = try await answer(on: socket).head
                let date = try #require(head.header("Date"), "\(head)")
                let format = DateFormatter()
                format.locale = Locale(identifier: "en_US_POSIX")
                format.timeZone = TimeZone(identifier: "GMT")
                format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
                let parsed = try #require(format.date(from: date), "\(date)")
                #expect(abs(parsed.timeIntervalSinceNow) < 300 && format.string(from: parsed) == date)
            }
        }
    }

    /// In HTTP/1.0 a connection ends with its answer unless both sides say otherwise. Ours stayed for a minute, and old
    /// programs that read to the end waited as long.
    @Test(arguments: Listener.allCases)
    func anAnswerInHTTP10EndsItsConnection(_ listener: Listener) async throws {
        try await with(listener) { port, _ in
            let socket = try TestSocket(port: port)
            try await socket.send("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            let all = try await socket.receiveToEndOrReset(timeout: .seconds(20))
            #expect(all.text.hasPrefix("HTTP/1.1 200 ") && all.text.header("Connection") == "close" && !all.wasReset)
            // Unless it asks for more, as ab -k does.
            let kept = try TestSocket(port: port)
            for _ in 0..<3 {
                try await kept.send("GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
                let head = try await answer(on: kept).head
                #expect(head.hasPrefix("HTTP/1.1 200 ") && head.header("Connection") == "keep-alive")
            }
        }
    }

    /// Bytes behind a client's Close frame were never read, so that closing the socket was a reset, which may overtake
    /// the answers before it.
    @Test func bytesBehindACloseFrameCostNoAnswer() async throws {
        try await with(.clients) { port, fixture in
            let client = try await WebSocketTestClient(port: port)
            let pings = (0..<50).map { WebSocketTestClient.frame(payload: Array("{\"type\":\"ping\",\"id\":\($0)}".utf8)) }
            let close = WebSocketTestClient.frame(opcode: 8, payload: [0x03, 0xE8])
            let behind = [UInt8](repeating: 0x55, count: 200_000)
            try await client.socket.send(Array(pings.joined()) + close + behind)
            for number in 0..<50 { #expect(try await client.receive().data == "{\"id\":\(number)}") }
            #expect(try await client.receiveClose().closeCode == 1000)
            let rest = try await client.socket.receiveToEndOrReset(timeout: .seconds(20))
            #expect(rest.text.isEmpty && !rest.wasReset)
            client.socket.close()
            try await eventually("the place to be free") { fixture.server.clientCount == 0 }
        }
    }
}
