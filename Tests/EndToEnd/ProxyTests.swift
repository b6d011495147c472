import Foundation
import TestSupport
import Testing

/// Real proxies and clients between us and the test: nginx and HAProxy that keep their connections to us, curl, and Java's
/// HTTP client. What is not installed is skipped, and the output says so.
@Suite(.serialized) struct ProxyTests {
    /// A program of somebody else's that runs until the test is over.
    private final class Background: @unchecked Sendable {
        // Sound: used from one test, one thing after the other.
        private let process = Process()

        init(_ command: [String]) throws {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = command
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit { stop() }

        func stop() {
            guard process.isRunning else { return }
            process.terminate()
            process.waitUntilExit()
        }
    }

    private static func isInstalled(_ name: String) -> Bool {
        let folders =
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") + [
                "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
            ]
        let isThere = folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        if !isThere { print("SKIPPED: \(name) is not installed (make setup-tests installs nginx-light and haproxy)") }
        return isThere
    }

    /// Runs `body` with the port of a server without a broker, and a folder for files.
    private func withServer(_ body: (Int, URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("proxy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let routes = folder.appendingPathComponent("routes.yaml")
        try """
        version: 1
        kafka: { brokers: ["127.0.0.1:1"] }
        routes:
          - { name: n, topic: notes, transform: json, channel: notes }

        """.write(to: routes, atomically: true, encoding: .utf8)
        let program = try PatchbayProgram(
            ["serve", "--config", routes.path], environment: ["PORT": "0", "ADMIN_PORT": "0", "HOST": "127.0.0.1"])
        try await eventually("it to listen; so far: \(program.text)") { program.text.contains(" port=") || !program.isRunning }
        let port = try #require(program.text.firstMatch(of: /\sport=([0-9]+)/).flatMap { Int($0.output.1) }, "\(program.text)")
        try await body(port, folder)
        program.signal(SIGTERM)
        #expect(try await program.exitCode() == 0)
    }

    /// Requests of every kind one after the other, from a new client each: the proxy picks one of its kept connections.
    private func useEverything(through port: Int) async throws {
        try await eventually("the proxy to listen") { (try? TestSocket(port: port)) != nil }
        for _ in 0..<5 {
            for offer in ["", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"] {
                let socket = try TestSocket(port: port)
                try await socket.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\(offer)\r\n")
                let head = try await socket.receive(through: "\r\n\r\n", timeout: .seconds(20))
                #expect(head.hasPrefix("HTTP/1.1 200 "), "\(head)")
            }
            let client = try await WebSocketTestClient(port: port)
            try await client.subscribe("notes")
            try await client.sendClose(1000)
            #expect(try await client.receiveClose(timeout: .seconds(20)).closeCode == 1000)
        }
    }

    /// Half of the requests hung for a minute, and WebSockets were refused on connections that had served a request before.
    @Test func nginxMayKeepItsConnections() async throws {
        guard Self.isInstalled("nginx") else { return }
        try await withServer { port, folder in
            let front = try ListeningSocket.unusedPort()
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
                "\($0)_temp_path \(folder.path)/\($0);"
            }
            let file = folder.appendingPathComponent("nginx.conf")
            try """
            daemon off; pid \(folder.path)/nginx.pid; error_log stderr; worker_processes 1;
            events { worker_connections 64; }
            http {
              access_log off; \(temporary.joined(separator: " "))
              upstream patchbay { server 127.0.0.1:\(port); keepalive 4; }
              map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
              server {
                listen 127.0.0.1:\(front);
                location / {
                  proxy_pass http://patchbay; proxy_http_version 1.1; proxy_set_header Host $host;
                  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
                }
              }
            }
            """.write(to: file, atomically: true, encoding: .utf8)
            let nginx = try Background(["nginx", "-e", "stderr", "-c", file.path])
            defer { nginx.stop() }
            try await useEverything(through: front)
        }
    }

    @Test func haproxyMayKeepItsConnections() async throws {
        guard Self.isInstalled("haproxy") else { return }
        try await withServer { port, folder in
            let front = try ListeningSocket.unusedPort()
            let file = folder.appendingPathComponent("haproxy.cfg")
            try """
            global
              maxconn 100
            defaults
              mode http
              timeout connect 5s
              timeout client 60s
              timeout server 60s
              timeout tunnel 60s
            frontend front
              bind 127.0.0.1:\(front)
              default_backend back
            backend back
              http-reuse always
              server patchbay 127.0.0.1:\(port)

            """.write(to: file, atomically: true, encoding: .utf8)
            let haproxy = try Background(["haproxy", "-db", "-f", file.path])
            defer { haproxy.stop() }
            try await useEverything(through: front)
        }
    }

    /// curl offers HTTP/2 with its first request, and sends the second over the same connection if it may.
    @Test func curlMayOfferHTTP2() async throws {
        guard Self.isInstalled("curl") else { return }
        try await withServer { port, _ in
            let url = "http://127.0.0.1:\(port)/health/live"
            let curl = try await ExternalProgram.run(
                ["curl", "-sS", "--http2", "-m", "20", "-w", "%{http_code}\\n", "-o", "/dev/null", url, "-o", "/dev/null", url])
            #expect(curl.status == 0 && curl.output.contains("200\n200"), "\(curl.said)")
        }
    }

    @Test func javaMayOfferHTTP2() async throws {
        guard Self.isInstalled("java") else { return }
        try await withServer { port, folder in
            let file = folder.appendingPathComponent("Ask.java")
            try """
            import java.net.URI; import java.net.http.*; import java.time.Duration;
            public class Ask { public static void main(String[] arguments) throws Exception {
              var client = HttpClient.newHttpClient();
              for (int i = 0; i < 3; i++) System.out.println(client.send(
                HttpRequest.newBuilder(URI.create(arguments[0])).timeout(Duration.ofSeconds(20)).build(),
                HttpResponse.BodyHandlers.ofString()).statusCode());
            } }
            """.write(to: file, atomically: true, encoding: .utf8)
            let java = try await ExternalProgram.run(["java", file.path, "http://127.0.0.1:\(port)/health/live"])
            #expect(java.status == 0 && java.output == "200\n200\n200\n", "\(java.said)")
        }
    }
}
