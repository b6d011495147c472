import Foundation
import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// `/docs` and what belongs to it, over real sockets.
@Suite(.serialized) struct DocsPageTests {
    private struct Answer {
        var head: String
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
        var status: Int? { Int(head.split(separator: " ")[1]) }

        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts[0].lowercased() == name.lowercased(), parts.count == 2 {
                    return parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
            return nil
        }
    }

    private func request(_ line: String, _ server: ServerFixture, headers: String = "") async throws -> Answer {
        let socket = try TestSocket(port: server.port)
        try await socket.send("\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(headers)\r\n")
        let head = try await socket.receive(through: "\r\n\r\n")
        return Answer(head: head, body: try await socket.receiveToEnd())
    }

    @Test func theRootLeadsToThePage() async throws {
        try await ServerFixture.run { server in
            for path in ["/", "/docs/"] {
                let answer = try await request("GET \(path)", server)
                #expect(answer.status == 302 && answer.header("Location") == "/docs", "\(path)")
            }
        }
    }

    @Test func thePageMayRunOurScriptsOnly() async throws {
        try await ServerFixture.run { server in
            let page = try await request("GET /docs", server)
            #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
            let policy = try #require(page.header("Content-Security-Policy"))
            for part in [
                "default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'",
                "form-action 'none'",
            ] { #expect(policy.split(separator: ";").contains { $0.trimmingCharacters(in: .whitespaces) == part }, "\(part)") }
            #expect(!policy.contains("unsafe"))
            // Nothing that the policy would forbid, and nothing from elsewhere.
            let text = page.text
            #expect(!text.contains("style=") && !text.contains("<style") && !text.contains("http://") && !text.contains("https://"))
            #expect(!text.contains("onclick") && text.components(separatedBy: "<script ").count == 3)
            #expect(text.components(separatedBy: "</script>").count == 3 && text.contains("></script>"))
        }
    }

    @Test func everyAnswerCarriesSecurityHeaders() async throws {
        try await ServerFixture.run { server in
            for path in ["/docs", "/docs/app.js", "/openapi.json", "/channels", "/health", "/metrics", "/nowhere", "/ws", "/"] {
                let answer = try await request("GET \(path)", server)
                #expect(answer.header("X-Content-Type-Options") == "nosniff", "\(path)")
                #expect(answer.header("Referrer-Policy") == "no-referrer", "\(path)")
                #expect(answer.header("Cross-Origin-Opener-Policy") == "same-origin", "\(path)")
                #expect(answer.header("Content-Security-Policy")?.hasPrefix("default-src 'none'") == true, "\(path)")
                #expect(answer.header("X-Frame-Options") == "DENY", "\(path)")
            }
        }
    }

    @Test func everyAssetIsServedWithItsType() async throws {
        try await ServerFixture.run { server in
            let types = ["js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "txt": "text/plain"]
            #expect(DocsAssets.names.count >= 8)
            for name in DocsAssets.names {
                let answer = try await request("GET /docs/\(name)", server)
                let type = try #require(types[String(name.split(separator: ".").last ?? "")])
                #expect(answer.status == 200 && answer.header("Content-Type")?.hasPrefix(type) == true, "\(name)")
                #expect(answer.header("Content-Length") == "\(answer.body.count)" && !answer.body.isEmpty, "\(name)")
                #expect(answer.header("Cache-Control") == "no-cache", "\(name)")
            }
            // All that the page refers to is there.
            let page = try await request("GET /docs", server).text
            let expression = try NSRegularExpression(pattern: #"(?:href|src)="docs/([^"]+)""#)
            for match in expression.matches(in: page, range: NSRange(page.startIndex..., in: page)) {
                let name = Range(match.range(at: 1), in: page).map { String(page[$0]) } ?? ""
                #expect(DocsAssets.names.contains(name), "\(name)")
            }
        }
    }

    @Test func anEntityTagSavesTheBody() async throws {
        try await ServerFixture.run { server in
            for path in ["/docs", "/docs/docs.css", "/docs/swagger-ui-bundle.js", "/openapi.json", "/asyncapi.json", "/channels"] {
                let first = try await request("GET \(path)", server)
                let tag = try #require(first.header("ETag"))
                #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && first.status == 200, "\(path)")
                for condition in [tag, "\"x\", W/\(tag)", "*"] {
                    let again = try await request("GET \(path)", server, headers: "If-None-Match: \(condition)\r\n")
                    #expect(again.status == 304 && again.body.isEmpty && again.header("ETag") == tag, "\(path) \(condition)")
                }
                #expect(try await request("GET \(path)", server, headers: "If-None-Match: \"other\"\r\n").status == 200)
                let head = try await request("HEAD \(path)", server)
                #expect(head.status == 200 && head.body.isEmpty && head.header("ETag") == tag, "\(path)")
            }
        }
    }

    @Test func nothingOutsideTheTableIsReachable() async throws {
        try await ServerFixture.run { server in
            for path in [
                "/docs/../../etc/passwd", "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/..%2f..%2fetc%2fpasswd",
                "/docs/....//etc/passwd", "/docs/%00", "/docs/app.js%00.css", "/docs/vendor/swagger-ui.css",
                "/docs/index.html/..", "/docs/index.html", "/docs/fetch.sh", "/docs//etc/passwd", "/docs/\\..\\x",
                "//docs/../x", "/docs/APP.JS", "/docs/%61pp.js", "/docs/app.js/x",
            ] {
                let answer = try await request("GET \(path)", server)
                #expect(answer.status == 404, "\(path): \(answer.head)")
                let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
                #expect(object?["code"] as? String == "not_found", "\(path)")
            }
        }
    }

    @Test func aNewRouteIsThereWithoutARestart() async throws {
        try await ServerFixture.run { server in
            #expect(!(try await request("GET /openapi.json", server).text.contains("fresh")))
            server.replace(with: [ServerFixture.route("a", channels: ["a"]), ServerFixture.route("fresh", channels: ["fresh.{n}"])])
            for path in ["/openapi.json", "/asyncapi.json", "/channels"] {
                let answer = try await request("GET \(path)", server)
                #expect(answer.text.contains("fresh.{n}"), "\(path)")
                #expect(answer.header("Content-Type") == "application/json; charset=utf-8", "\(path)")
            }
        }
    }

    /// What the document promises is there.
    @Test func everyDocumentedPathAnswers() async throws {
        try await ServerFixture.run { server in
            let data = Data(try await request("GET /openapi.json", server).body)
            let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            for (path, item) in paths where item["servers"] == nil {
                let answer = try await request("GET \(path.replacingOccurrences(of: "{asset}", with: "app.js"))", server)
                let operation = try #require(item["get"] as? [String: Any], "\(path)")
                let responses = try #require(operation["responses"] as? [String: Any])
                #expect(responses["\(answer.status ?? 0)"] != nil, "\(path) answers \(answer.status ?? 0)")
            }
        }
    }

    /// And what is there is in the document.
    @Test func everyPathIsDocumented() async throws {
        try await ServerFixture.run { server in
            let data = Data(try await request("GET /openapi.json", server).body)
            let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            let documented = Set(paths.filter { $0.value["servers"] == nil }.keys)
            let served = server.server.paths.map { $0.hasPrefix("/docs/") ? "/docs/{asset}" : $0 }
            #expect(Set(served) == documented)
        }
    }

    @Test func theDocumentsOfARunningServerAreValid() async throws {
        try await ServerFixture.run { server in
            server.publish(0..<10, to: "a")
            var texts: [String] = []
            for path in ["/openapi.json", "/asyncapi.json", "/health"] {
                texts.append(try await request("GET \(path)", server).text)
            }
            let complaints = try await DocsValidator.complaints(of: texts)
            #expect(complaints.isEmpty, "\(complaints)")
        }
    }
}
