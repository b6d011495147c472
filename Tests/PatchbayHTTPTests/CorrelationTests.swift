import Foundation
import Logging
import PatchbayAPI
import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// Keeps what is logged.
final class LogBook: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private let lines = Mutex<[Line]>([])

    func add(_ line: Line) { lines.withLock { $0.append(line) } }

    func lines(_ message: String) -> [Line] { lines.withLock { $0.filter { $0.message == message } } }

    func logger(_ level: Logger.Level = .debug) -> Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(book: self) })
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            book.add(.init(level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
        }
    }
}

@Suite(.serialized) struct CorrelationTests {
    private static let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private static func isID(_ text: String?) -> Bool {
        text?.count == 16 && text?.allSatisfy { $0.isHexDigit && !$0.isUppercase } == true
    }

    @Test func aConnectionIsNamedInItsAnswerAndInEveryLogLine() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger()) { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
            let id = try await client.upgrade(headers: ["traceparent": Self.trace]).header("X-Connection-Id")
            #expect(Self.isID(id))
            try await client.sendFrame(opcode: 3)
            #expect(try await client.receiveClose().closeCode == 1002)
            client.socket.close()
            try await eventually("it to be gone") { !book.lines("client disconnected").isEmpty }
            for (message, level) in [
                ("client connected", Logger.Level.debug), ("client violated the protocol; closing its connection", .info),
                ("client disconnected", .debug),
            ] {
                let line = try #require(book.lines(message).first, "\(message)")
                #expect(line.level == level && line.metadata["connection"] == id)
                #expect(line.metadata["traceparent"] == Self.trace)
                #expect(line.metadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
            }
            let line = try #require(book.lines("client violated the protocol; closing its connection").first)
            #expect(line.metadata["close_code"] == "1002" && line.metadata["reason"]?.isEmpty == false)
        }
    }

    @Test func badTracesAreIgnoredAndIDsDiffer() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger()) { server in
            var ids: Set<String> = []
            for _ in 0..<3 {
                let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
                let head = try await client.upgrade(headers: ["traceparent": "00-0-0-00"])
                ids.insert(head.header("X-Connection-Id") ?? "")
                #expect(head.header("traceparent") == nil)
            }
            #expect(ids.count == 3)
            #expect(book.lines("client connected").allSatisfy { $0.metadata["traceparent"] == nil })
        }
    }

    @Test func anUpgradeAnswersTheRequestsOwnID() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger()) { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
            let head = try await client.upgrade(headers: ["X-Request-Id": "r-2"])
            #expect(head.header("X-Request-Id") == "r-2" && Self.isID(head.header("X-Connection-Id")))
            try await eventually("the line") { book.lines("client connected").first?.metadata["request_id"] == "r-2" }
        }
    }

    /// 100 refused handshakes are a few lines, and one that says how many more there were.
    @Test func badClientsCanNotFloodTheLog() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger(.info), configure: { $0.server.allowedOrigins = ["https://a.example"] }) { server in
            for _ in 0..<100 {
                let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
                let head = try await client.upgrade(
                    headers: ["Origin": "https://evil.example", "traceparent": Self.trace, "X-Request-Id": "r-1"])
                #expect(head.hasPrefix("HTTP/1.1 403 ") && Self.isID(head.header("X-Connection-Id")))
                #expect(head.header("X-Request-Id") == "r-1")
            }
            let lines = book.lines("connection refused")
            #expect(lines.allSatisfy { $0.metadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736" })
            #expect(lines.allSatisfy { $0.metadata["request_id"] == "r-1" })
            #expect((1...2 * LogThrottle.lines).contains(lines.count))
            #expect(lines.first?.metadata["code"] == "forbidden_origin" && lines.first?.metadata["address"] == "127.0.0.1")
            #expect(lines.allSatisfy { $0.level == .warning && $0.metadata["reason"]?.contains("https://evil.example") == true })
            #expect(book.lines("client connected").isEmpty)
        }
    }

    @Test func anOfferedSubprotocolIsAnsweredOnce() async throws {
        try await ServerFixture.run { server in
            for (offer, answer) in [("patchbay.v1", "patchbay.v1"), ("x, patchbay.v1", "patchbay.v1"), ("x", nil)] {
                let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
                let head = try await client.upgrade(headers: ["Sec-WebSocket-Protocol": offer])
                #expect(head.hasPrefix("HTTP/1.1 101 ") && head.header("Sec-WebSocket-Protocol") == answer, "\(head)")
                try await client.subscribe("a")
            }
        }
    }

    @Test func requestsAreNamedInTheirAnswers() async throws {
        try await ServerFixture.run { server in
            let own = try await request("GET /health", port: server.port, headers: "X-Request-Id: abc-1.2_3\r\n")
            #expect(own.head.header("X-Request-Id") == "abc-1.2_3")
            for headers in ["", "X-Request-Id: a b\r\n", "X-Request-Id: \(String(repeating: "a", count: 100))\r\n"] {
                let made = try await request("GET /nothing", port: server.port, headers: headers)
                #expect(Self.isID(made.head.header("X-Request-Id")))
            }
        }
    }
}

/// What browsers are told.
@Suite(.serialized) struct WebSecurityTests {
    @Test func everyAnswerCarriesTheSafetyHeaders() async throws {
        try await ServerFixture.run { server in
            for line in ["GET /health", "GET /nothing", "POST /health", "GET /ws", "HEAD /health/live"] {
                let head = try await request(line, port: server.port).head
                #expect(head.header("X-Content-Type-Options") == "nosniff", "\(line)")
                #expect(head.header("Referrer-Policy") == "no-referrer", "\(line)")
                #expect(head.header("X-Frame-Options") == "DENY", "\(line)")
                #expect(head.header("Cache-Control") == "no-store", "\(line)")
                #expect(head.header("Access-Control-Allow-Origin") == nil && head.header("Vary") == nil, "\(line)")
            }
        }
    }

    @Test func listedPagesMayReadWhatGetAnswers() async throws {
        try await ServerFixture.run(configure: { $0.server.corsOrigins = ["https://app.example", "https://*.site.example"] }) { server in
            for origin in ["https://app.example", "https://a.site.example"] {
                let head = try await request("GET /health", port: server.port, headers: "Origin: \(origin)\r\n").head
                #expect(head.header("Access-Control-Allow-Origin") == origin && head.header("Vary") == "Origin")
                let missing = try await request("GET /nothing", port: server.port, headers: "Origin: \(origin)\r\n").head
                #expect(missing.hasPrefix("HTTP/1.1 404 ") && missing.header("Access-Control-Allow-Origin") == origin)
            }
            for headers in ["", "Origin: https://evil.example\r\n"] {
                let head = try await request("GET /health", port: server.port, headers: headers).head
                #expect(head.hasPrefix("HTTP/1.1 200 "))
                #expect(head.header("Access-Control-Allow-Origin") == nil && head.header("Vary") == "Origin")
            }
            let post = try await request("POST /health", port: server.port, headers: "Origin: https://app.example\r\n").head
            #expect(post.header("Access-Control-Allow-Origin") == nil)
        }
    }

    @Test func preflightsAreAnswered() async throws {
        try await ServerFixture.run(configure: { $0.server.corsOrigins = ["https://app.example"] }) { server in
            let asks = "Access-Control-Request-Method: GET\r\n"
            let allowed = try await request(
                "OPTIONS /health", port: server.port, headers: "Origin: https://app.example\r\n\(asks)"
            ).head
            #expect(allowed.hasPrefix("HTTP/1.1 204 ") && allowed.header("Content-Length") == nil)
            #expect(allowed.header("Access-Control-Allow-Origin") == "https://app.example")
            #expect(allowed.header("Access-Control-Allow-Methods") == "GET, HEAD")
            #expect(allowed.header("Vary") == "Origin")
            let foreign = try await request(
                "OPTIONS /health", port: server.port, headers: "Origin: https://evil.example\r\n\(asks)")
            #expect(foreign.head.hasPrefix("HTTP/1.1 403 ") && foreign.body.contains("forbidden_origin"))
            #expect(foreign.head.header("Access-Control-Allow-Origin") == nil)
            #expect(try await request("OPTIONS /health", port: server.port).head.hasPrefix("HTTP/1.1 405 "))
        }
    }

    /// A page that `server.allowed_origins` keeps out was logged, one that `server.cors_origins` does wasn't: only the browser's
    /// console said why the page stayed empty.
    @Test func aPageThatIsRefusedIsLogged() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger(.info), configure: { $0.server.corsOrigins = ["https://app.example"] }) { server in
            let foreign = "Origin: https://evil.example\r\n"
            _ = try await request("GET /health", port: server.port, headers: foreign)
            _ = try await request("OPTIONS /metrics", port: server.port, headers: foreign + "Access-Control-Request-Method: GET\r\n")
            let lines = book.lines("web page refused (server.cors_origins)")
            #expect(lines.map(\.level) == [.warning, .warning])
            #expect(lines.map { $0.metadata["origin"] } == ["https://evil.example", "https://evil.example"])
            #expect(lines.map { $0.metadata["path"] } == ["/health", "/metrics"])
            // Allowed, the server's own, no page at all, and what isn't CORS.
            for headers in ["Origin: https://app.example\r\n", "Origin: http://localhost\r\n", ""] {
                _ = try await request("GET /health", port: server.port, headers: headers)
            }
            _ = try await request("POST /health", port: server.port, headers: foreign)
            #expect(book.lines("web page refused (server.cors_origins)").count == 2)
            for _ in 0..<20 { _ = try await request("GET /health", port: server.port, headers: foreign) }
            #expect(book.lines("web page refused (server.cors_origins)").count == LogThrottle.lines)
        }
    }

    /// Every reason to pause accepting was said to be a lack of file descriptors, memory for sockets too.
    @Test func accessPausesAreSaidForWhatTheyAre() {
        let book = LogBook()
        let log = ConnectionLog(logger: book.logger(.info))
        for code in [EMFILE, ENFILE, ENOBUFS, ENOMEM] { log.outOfDescriptors(errno: code) }
        #expect(
            book.lines("no file descriptor is free for another connection; accepting pauses").map {
                $0.metadata["hint"]?.contains("open files")
            }
                == [true, true])
        #expect(
            book.lines("the kernel has no memory for another connection; accepting pauses").map { $0.metadata["hint"]?.contains("tcp_mem") }
                == [true, true])
    }

    /// Base paths that begin like one of these are refused, by a list that must not fall behind.
    @Test func theServersOwnPathsAreKnownToTheSettings() async throws {
        try await ServerFixture.run { server in
            let first = server.server.paths.map { path in path.drop { $0 == "/" }.prefix { $0 != "/" } }
            #expect(Set(first.filter { !$0.isEmpty }.map(String.init)) == PathPrefix.served)
        }
    }

    @Test func aStarIsAnsweredWithAStar() async throws {
        try await ServerFixture.run(configure: { $0.server.corsOrigins = ["*"] }) { server in
            let head = try await request("GET /health", port: server.port, headers: "Origin: null\r\n").head
            #expect(head.header("Access-Control-Allow-Origin") == "*" && head.header("Vary") == nil)
        }
    }

    @Test func originPatternsHoldForWebSocketsToo() async throws {
        try await ServerFixture.run(configure: { $0.server.allowedOrigins = ["https://*.site.example"] }) { server in
            _ = try await WebSocketTestClient(port: server.port, headers: ["Origin": "https://a.site.example"])
            let foreign = WebSocketTestClient(socket: try TestSocket(port: server.port))
            #expect(try await foreign.upgrade(headers: ["Origin": "https://site.example"]).hasPrefix("HTTP/1.1 403 "))
        }
    }
}
