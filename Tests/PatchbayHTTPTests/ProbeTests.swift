import Dispatch
import Foundation
import Logging
import NIOCore
import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// `/health/live` and `/health/ready`.
@Suite(.serialized) struct ProbeTests {
    private final class Source: Sendable {
        private let health = Mutex(SourceHealth())
        func set(_ value: SourceHealth) { health.withLock { $0 = value } }
        var now: SourceHealth { health.withLock { $0 } }
    }

    @Test func readinessFollowsTheAssignment() async throws {
        let source = Source()
        try await ServerFixture.run(source: { source.now }) { server in
            let ready = try await request("GET /health/ready", port: server.port)
            #expect(ready.head.hasPrefix("HTTP/1.1 200 ") && ready.body == #"{"reasons":[],"status":"ready"}"#)
            #expect(ready.head.header("Cache-Control") == "no-store")
            source.set(SourceHealth(isAssigned: false))
            let waiting = try await request("GET /health/ready", port: server.port)
            #expect(waiting.head.hasPrefix("HTTP/1.1 503 ") && waiting.body.contains("\"not_ready\""))
            #expect(waiting.body.contains("no partitions are assigned"))
            // A process that waits for partitions need not be restarted.
            #expect(try await request("GET /health/live", port: server.port).head.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func readinessHasAReasonForEachThingThatIsMissing() {
        #expect(ProbeReport.readiness(isAssigned: true, isLeaving: false, isAccepting: true).isGood)
        #expect(ProbeReport.readiness(isAssigned: false, isLeaving: true, isAccepting: false).reasons.count == 3)
        // Assigned is not enough: what is written before the start is known may lie before it.
        #expect(
            ProbeReport.readiness(isAssigned: true, partitionsWithoutPosition: 2, isLeaving: false, isAccepting: true).reasons
                == ["it is not known yet where reading begins in 2 assigned partitions"])
    }

    @Test func stuckThreadsOfTheSourceAreNotLive() async throws {
        try await ServerFixture.run(source: { SourceHealth(stuckThreads: ["consumer thread of default: stuck for 11 s"]) }) { server in
            let (head, body) = try await request("GET /health/live", port: server.port)
            #expect(head.hasPrefix("HTTP/1.1 503 ") && body.contains("\"not_live\"") && body.contains("stuck for 11 s"))
        }
    }

    /// One of two event loops is stuck; the other one says so, and that all is well when it is over.
    @Test func aStuckEventLoopIsNamed() async throws {
        try await ServerFixture.run(loops: 2, configure: { $0.server.livenessThreshold = .milliseconds(500) }) { server in
            // Opened before, since the loop that accepts may be the one to be stuck. They are spread over both.
            let sockets = try (0..<4).map { _ in try TestSocket(port: server.port) }
            for socket in sockets {
                try await eventually("it to be live") { try await Self.live(socket, timeout: .seconds(5))?.isLive == true }
            }
            let stuck = DispatchSemaphore(value: 0)
            // Released whatever happens, or nothing would end.
            defer { stuck.signal() }
            server.router.fanouts[1].eventLoop.execute { stuck.wait() }
            let isNamed = try await Self.first(of: sockets) { $0?.isLive == false && $0?.body.contains("event loop 1 ") == true }
            #expect(isNamed)
            stuck.signal()
            try await eventually("it to be live again") {
                try await request("GET /health/live", port: server.port).head.hasPrefix("HTTP/1.1 200 ")
            }
        }
    }

    /// Asks all of them until one gets the answer that is waited for; those on the stuck loop get none.
    private static func first(
        of sockets: [TestSocket], _ isWanted: @escaping @Sendable ((isLive: Bool, body: String)?) -> Bool
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for socket in sockets {
                group.addTask {
                    let deadline = ContinuousClock.now + .seconds(10)
                    while ContinuousClock.now < deadline, !Task.isCancelled {
                        guard let answer = try await live(socket, timeout: .seconds(2)) else { return false }
                        if isWanted(answer) { return true }
                    }
                    return false
                }
            }
            for try await isFound in group where isFound {
                group.cancelAll()
                return true
            }
            return false
        }
    }

    /// `nil` when no answer comes.
    private static func live(_ socket: TestSocket, timeout: Duration) async throws -> (isLive: Bool, body: String)? {
        try await socket.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard let head = try? await socket.receive(through: "\r\n\r\n", timeout: timeout) else { return nil }
        let length = head.header("Content-Length").flatMap { Int($0) } ?? 0
        let body = String(decoding: try await socket.receive(length), as: UTF8.self)
        return (head.hasPrefix("HTTP/1.1 200 "), body)
    }

    /// A request with `Connection: close` and more behind it in the same packet got no answer.
    @Test func whatFollowsTheLastRequestIsNotLookedAt() async throws {
        try await ServerFixture.run { server in
            for line in ["GET /health/live", "POST /ws", "POST /health/live"] {
                for excess in ["excess", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
                    let socket = try TestSocket(port: server.port)
                    try await socket.send("\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n\(excess)")
                    let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
                    #expect(answer.hasPrefix(line.hasPrefix("GET") ? "HTTP/1.1 200 " : "HTTP/1.1 405 "), "\(line): \(answer)")
                    #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
                }
            }
        }
    }

    @Test func headWorksAndOtherMethodsAre405() async throws {
        try await ServerFixture.run { server in
            for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
                let get = try await request("GET \(path)", port: server.port)
                let head = try await request("HEAD \(path)", port: server.port)
                #expect(get.head.hasPrefix("HTTP/1.1 200 ") && head.head.hasPrefix("HTTP/1.1 200 "), "\(path)")
                #expect(head.body.isEmpty && head.head.header("Content-Length") != "0", "\(path)")
                for method in ["POST", "PUT", "DELETE", "PATCH"] {
                    let (refused, body) = try await request("\(method) \(path)", port: server.port)
                    #expect(refused.hasPrefix("HTTP/1.1 405 "), "\(method) \(path)")
                    #expect(refused.header("Allow") == "GET, HEAD")
                    let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
                    #expect(object?["code"] as? String == "method_not_allowed")
                }
            }
            #expect(try await request("HEAD /nothing", port: server.port).body.isEmpty)
        }
    }

    @Test func theAdminListenerAnswersThemToo() async throws {
        try await ServerFixture.run(source: { SourceHealth(isAssigned: false) }) { server in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let fixture = server.server
            let admin = AdminServer(
                settings: .anyPort(), group: server.group, logger: logger, health: { fixture.health },
                probes: fixture.probes, reload: { _ in AdminAnswer(status: 200, body: "{}") })
            let port = try await admin.start()
            let live = try await request("GET /health/live", port: port)
            let ready = try await request("GET /health/ready", port: port)
            let reload = try await request("GET /-/reload", port: port)
            await admin.stop()
            #expect(live.head.hasPrefix("HTTP/1.1 200 ") && live.body.contains("\"live\""))
            #expect(ready.head.hasPrefix("HTTP/1.1 503 ") && ready.body.contains("\"not_ready\""))
            #expect(reload.head.hasPrefix("HTTP/1.1 405 ") && reload.head.header("Allow") == "POST")
        }
    }

    // MARK: Shutdown

    @Test func readinessGoesFirstAndClientsAreToldWhenToComeBack() async throws {
        try await ServerFixture.run(configure: {
            $0.server.reconnectEarliest = .milliseconds(2000)
            $0.server.reconnectLatest = .milliseconds(4000)
        }) { server in
            var clients: [WebSocketTestClient] = []
            for _ in 0..<10 { clients.append(try await WebSocketTestClient(port: server.port)) }
            server.server.beginDrain()
            for path in ["/health/ready", "/health"] {
                let (head, body) = try await request("GET \(path)", port: server.port)
                #expect(head.hasPrefix("HTTP/1.1 503 ") && body.contains("shutting down"), "\(path)")
            }
            #expect(try await request("GET /health/live", port: server.port).head.hasPrefix("HTTP/1.1 200 "))
            // Until the load balancer has noticed, clients still come, and are served.
            let late = try await WebSocketTestClient(port: server.port)
            clients.append(late)
            try await late.subscribe("a")
            server.publish(0..<5, to: "a")
            for _ in 0..<5 { #expect(try await late.receive().channel == "a") }
            let probes = server.server.probes
            await server.server.stopAccepting()
            #expect(probes.ready().reasons.contains { $0.contains("does not accept") })
            #expect(throws: SocketFailure.self) { _ = try TestSocket(port: server.port) }
            async let stragglers = server.server.drain(timeout: .seconds(5))
            var times: [Int] = []
            for client in clients {
                let farewell = try await client.receive()
                #expect(farewell.type == "server_shutdown")
                times.append(Int(farewell.data.filter(\.isNumber)) ?? -1)
                #expect(try await client.receiveClose().closeCode == 1001)
                client.socket.close()
            }
            #expect(await stragglers.stragglers == 0)
            // One in each of 11 equal parts of the window.
            for (index, time) in times.sorted().enumerated() {
                let part = 2000 + 2000 * index / 11...2000 + 2000 * (index + 1) / 11
                #expect(part.contains(time), "\(times)")
            }
        }
    }
}
