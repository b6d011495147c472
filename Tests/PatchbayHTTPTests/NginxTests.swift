import Foundation
import Logging
import NIOCore
import NIOPosix
import PatchbaySettings
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// A real nginx in front, which serves everything below `/patchbay/`; and one that was not told to pass on `Connection`.
@Suite(
    .serialized,
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/nginx"), "nginx is not installed; `make setup-tests` does it"))
struct NginxTests {
    private static func configuration(_ folder: String, port: Int, upstream: Int) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder)/\($0);" }.joined(
            separator: " ")
        return """
            daemon off; master_process off; pid \(folder)/pid; error_log \(folder)/error.log;
            events {}
            http {
              access_log off; \(temporary)
              server {
                listen 127.0.0.1:\(port);
                location /patchbay/ {
                  proxy_pass http://127.0.0.1:\(upstream)/; proxy_http_version 1.1; proxy_redirect off;
                  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
                  proxy_set_header X-Forwarded-Prefix /patchbay; proxy_set_header X-Forwarded-For "198.51.100.7";
                }
                location /cut/ {
                  proxy_pass http://127.0.0.1:\(upstream)/; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                }
              }
            }
            """
    }

    @Test func everythingWorksBelowAPathAndACutHandshakeSaysWhatIsMissing() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger(), configure: { $0.server.trustedProxies = ["127.0.0.1"] }) { server in
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("nginx-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let probe = try await ServerBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(probe.localAddress?.port)
            try await probe.close()
            let file = folder.appendingPathComponent("nginx.conf")
            try Self.configuration(folder.path, port: port, upstream: server.port).write(to: file, atomically: true, encoding: .utf8)
            let nginx = Process()
            nginx.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
            nginx.arguments = ["-p", folder.path, "-c", file.path, "-e", folder.appendingPathComponent("error.log").path]
            // One that outlived the tests would keep the pipe open that their output is read from.
            nginx.standardOutput = FileHandle.nullDevice
            nginx.standardError = FileHandle.nullDevice
            try nginx.run()
            // Not SIGTERM: it is blocked in the thread that starts it, and so in nginx, when that runs without a master.
            defer {
                kill(nginx.processIdentifier, SIGKILL)
                nginx.waitUntilExit()
            }
            try await eventually("nginx to listen") { (try? TestSocket(port: port)) != nil }

            for path in ["/patchbay/", "/patchbay/docs/"] {
                #expect(try await request("GET \(path)", port: port).head.header("Location") == "/patchbay/docs")
            }
            #expect(try await request("GET /patchbay/docs", port: port).head.hasPrefix("HTTP/1.1 200 "))
            #expect(try await request("GET /patchbay/openapi.json", port: port).body.contains("\"url\": \"/patchbay\""))
            let client = try await WebSocketTestClient(port: port, path: "/patchbay/ws", headers: ["Sec-WebSocket-Protocol": "patchbay.v1"])
            try await client.subscribe("a")
            server.publish(0..<1, to: "a")
            #expect(try await client.receive().channel == "a")
            #expect(book.lines("client connected").last?.metadata["address"] == "198.51.100.7")

            let cut = WebSocketTestClient(socket: try TestSocket(port: port))
            let head = try await cut.upgrade(path: "/cut/ws")
            #expect(head.hasPrefix("HTTP/1.1 426 "), "\(head)")
            let length = try #require(head.header("Content-Length").flatMap { Int($0) })
            let body = String(decoding: try await cut.socket.receive(length), as: UTF8.self)
            #expect(body.contains("has Upgrade: websocket but no Connection: Upgrade") && body.contains("nginx"), "\(body)")
            let refused = book.lines("connection refused").last
            #expect(refused?.level == .warning && refused?.metadata["code"] == "upgrade_required")
        }
    }
}
