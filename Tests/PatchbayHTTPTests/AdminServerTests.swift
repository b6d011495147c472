import Foundation
import Logging
import NIOPosix
import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// The operators' listener, over real sockets.
@Suite(.serialized) struct AdminServerTests {
    private final class Calls: Sendable {
        private let items = Mutex<[ReloadRequest]>([])
        func add(_ request: ReloadRequest) { items.withLock { $0.append(request) } }
        var all: [ReloadRequest] { items.withLock { $0 } }
    }

    private func withAdmin(
        status: Int = 200, allowedHosts: [String] = [],
        configuration: ConfigurationStatus = ConfigurationStatus(appliedAtMilliseconds: 1500),
        _ body: (_ port: Int, Calls) async throws -> Void
    ) async throws {
        try await ServerFixture.run { fixture in
            let calls = Calls()
            let reporter = HealthReporter(
                maxClients: 10, router: fixture.router, source: { SourceHealth() }, configuration: { configuration })
            let collector = MetricsCollector(
                sources: MetricsSources(), router: fixture.router, clients: { .init() }, configuration: { configuration },
                status: { reporter.report().status })
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let admin = AdminServer(
                settings: .anyPort(allowedHosts: allowedHosts), group: fixture.group, logger: logger, health: { reporter.report() },
                metrics: { collector.bytes() },
                largestCandidate: 1000,
                reload: { request in
                    calls.add(request)
                    return AdminAnswer(status: status, body: "{\"done\":true}")
                })
            let port = try await admin.start()
            do {
                try await body(port, calls)
            } catch {
                await admin.stop()
                throw error
            }
            await admin.stop()
        }
    }

    private func request(
        _ line: String, port: Int, host: String = "localhost", headers: String = "", body: String = ""
    ) async throws -> (head: String, body: String) {
        let socket = try TestSocket(port: port)
        try await socket.send(
            "\(line) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
        let head = try await socket.receive(through: "\r\n\r\n")
        return (head, String(decoding: try await socket.receiveToEnd(), as: UTF8.self))
    }

    @Test func reloadsOnPostAndOnlyLooksWithDryRun() async throws {
        try await withAdmin { port, calls in
            let (head, body) = try await request("POST /-/reload", port: port)
            #expect(head.hasPrefix("HTTP/1.1 200 ") && body == "{\"done\":true}")
            _ = try await request("POST /-/reload?dry_run=1", port: port)
            _ = try await request("POST /-/reload?dry_run=0", port: port)
            #expect(calls.all == [.apply, .preview(candidate: nil), .apply])
        }
    }

    @Test func looksAtAPostedCandidateOfABoundedSize() async throws {
        try await withAdmin { port, calls in
            let largest = String(repeating: "x", count: 1000)
            #expect(try await request("POST /-/reload?dry_run=1", port: port, body: largest).head.hasPrefix("HTTP/1.1 200 "))
            #expect(calls.all == [.preview(candidate: Array(largest.utf8))])
            let larger = try await request("POST /-/reload?dry_run=1", port: port, body: largest + "x")
            #expect(larger.head.hasPrefix("HTTP/1.1 413 ") && larger.body.contains("body_too_large"), "\(larger)")
            for body in ["x", largest] {
                let applied = try await request("POST /-/reload", port: port, body: body)
                #expect(applied.head.hasPrefix("HTTP/1.1 400 ") && applied.body.contains("unexpected_body"), "\(applied)")
            }
            #expect(calls.all.count == 1)
        }
    }

    @Test func refusesWhatItDoesNotUnderstand() async throws {
        try await withAdmin { port, calls in
            #expect(try await request("GET /-/reload", port: port).head.hasPrefix("HTTP/1.1 405 "))
            let unknown = try await request("POST /-/reload?dryrun=1", port: port)
            #expect(unknown.head.hasPrefix("HTTP/1.1 400 ") && unknown.body.contains("allowed is dry_run"))
            let invalid = try await request("POST /-/reload?dry_run=maybe", port: port)
            #expect(invalid.head.hasPrefix("HTTP/1.1 400 ") && invalid.body.contains("invalid_parameter"))
            let browser = try await request("POST /-/reload", port: port, headers: "Origin: https://evil.example\r\n")
            #expect(browser.head.hasPrefix("HTTP/1.1 403 ") && browser.body.contains("forbidden_origin"))
            #expect(calls.all.isEmpty)
        }
    }

    /// The listener answered whatever `Host` said. A web page whose name is made to lead to 127.0.0.1 (DNS rebinding) is of the
    /// same origin then: its scripts could read `/health` and post candidates.
    @Test func aRequestForAnotherHostIsRefused() async throws {
        try await withAdmin(allowedHosts: ["Admin.Example", "*.internal", "Patchbay.svc.cluster.local.", "*.absolute."]) { port, calls in
            for line in ["GET /health", "GET /metrics", "GET /nothing", "POST /-/reload", "POST /-/reload?dry_run=1"] {
                for host in ["evil.example", "evil.example:\(port)", "localhost.evil.example", "internal", "127.0.0.1.evil.example"] {
                    let (head, body) = try await request(line, port: port, host: host)
                    #expect(head.hasPrefix("HTTP/1.1 421 ") && body.contains("unknown_host"), "\(line) \(host): \(head)\(body)")
                    #expect(body.contains("admin.allowed_hosts"))
                }
            }
            #expect(calls.all.isEmpty)
            for host in [
                "localhost", "LOCALHOST:\(port)", "127.0.0.1:\(port)", "[::1]:\(port)", "10.1.2.3", "admin.example", "admin.example.:80",
                "a.internal", "x.localhost",
                // Written as DNS does, with the dot at the end, a listed name never matched: requests' own dots are dropped.
                "patchbay.svc.cluster.local", "patchbay.svc.cluster.local.:80", "a.absolute", "a.absolute.",
            ] {
                let head = try await request("GET /health", port: port, host: host).head
                #expect(head.hasPrefix("HTTP/1.1 200 "), "\(host): \(head)")
            }
            for (origin, status) in [
                ("https://evil.example", 403), ("null", 403), ("http://localhost:1", 403), ("http://localhost:\(port)", 200),
            ] {
                let head = try await request(
                    "GET /health", port: port, host: "localhost:\(port)", headers: "Origin: \(origin)\r\n"
                ).head
                #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(origin): \(head)")
            }
        }
        try await withAdmin(allowedHosts: ["*"]) { port, _ in
            let head = try await request("GET /health", port: port, host: "evil.example").head
            #expect(head.hasPrefix("HTTP/1.1 200 "))
        }
    }

    /// NIO's own handler of malformed requests and our endpoints both answered: a debug build ended in an assertion.
    @Test func whatIsNoHTTPIsA400AndTheNextRequestIsServed() async throws {
        try await withAdmin { port, _ in
            for number in 0..<20 {
                let socket = try TestSocket(port: port)
                let before = number.isMultiple(of: 2) ? "" : "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                try await socket.send(before + "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n")
                // With a request still unanswered there may be no answer to either, but never two to one.
                let head = try? await socket.receive(through: "\r\n\r\n")
                #expect(head?.hasPrefix("HTTP/1.1 400 ") ?? !before.isEmpty || !before.isEmpty, "\(head ?? "nothing")")
                socket.close()
            }
            #expect(try await request("GET /health", port: port).head.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func aRefusedConfigurationIsA422() async throws {
        try await withAdmin(status: 422) { port, _ in
            let head = try await request("POST /-/reload", port: port).head
            #expect(head.hasPrefix("HTTP/1.1 422 "))
        }
    }

    @Test func metricsAndHealthTellGenerationAndResult() async throws {
        let status = ConfigurationStatus(
            generation: 4, applied: 3, refused: 2, unchanged: 1, appliedAtMilliseconds: 1500,
            error: "routes.yaml:3:1: error: unknown key `x`", restartNeeded: ["server.port"])
        try await withAdmin(configuration: status) { port, _ in
            let (head, body) = try await request("GET /metrics", port: port)
            #expect(head.lowercased().contains("content-type: text/plain; version=0.0.4"))
            for line in [
                "patchbay_config_generation 4", "patchbay_config_reloads_total{result=\"applied\"} 3",
                "patchbay_config_reloads_total{result=\"refused\"} 2", "patchbay_config_last_reload_successful 0",
                "patchbay_config_last_reload_timestamp_seconds 1.5",
            ] { #expect(body.contains("\n\(line)\n"), "\(line)") }
            let health = try await request("GET /health", port: port).body
            let object = try #require(try JSONSerialization.jsonObject(with: Data(health.utf8)) as? [String: Any])
            #expect(object["status"] as? String == "degraded")
            let configuration = try #require(object["configuration"] as? [String: Any])
            #expect(configuration["generation"] as? Int == 4)
            let reasons = try #require(object["reasons"] as? [String])
            #expect(reasons.contains { $0.contains("rejected") && $0.contains("unknown key `x`") })
            #expect(reasons.contains { $0.contains("server.port") })
        }
    }
}
