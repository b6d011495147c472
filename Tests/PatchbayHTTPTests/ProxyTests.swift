import NIOCore
import NIOHTTP1
import PatchbayAPI
import PatchbayCore
import PatchbaySettings
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// Behind a proxy that serves everything below a path, redirects led out of it, and the documents named addresses that were
/// not there; every client had the proxy's address in the log.
@Suite(.serialized) struct ProxyTests {
    private static func trust(_ base: String = "", _ proxies: [String] = []) -> ProxyTrust {
        var configuration = ServerConfiguration()
        configuration.server.basePath = base
        configuration.server.trustedProxies = proxies
        return ProxyTrust(configuration)
    }

    @Test(arguments: [
        ("/p", "/p", "/"), ("/p", "/p/", "/"), ("/p", "/p?x", "/?x"), ("/p", "/p/ws?x=1", "/ws?x=1"), ("/p", "/ws", "/ws"),
        ("/p", "/px/ws", "/px/ws"), ("", "/ws", "/ws"), ("/a/b", "/a/b/ws", "/ws"),
    ])
    func targetsAreTakenWithAndWithoutTheBasePath(base: String, target: String, expected: String) {
        #expect(Self.trust(base).target(target) == expected)
    }

    @Test func networksHoldTheirAddresses() throws {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false), ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false), ("::/0", "1.2.3.4", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("fd00::/8", "fd12::1", true), ("fd00::/8", "fe80::1", false),
            ("2001:db8::/33", "2001:db8:7fff::", true), ("2001:db8::/33", "2001:db8:8000::", false), ("::1", "::1", true),
            ("2001:db8::/65", "2001:db8::7fff:0:0:0", true), ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
        ] {
            let parsed = try #require(Network(network))
            let one = try #require(InternetAddress(address))
            #expect(parsed.contains(one) == holds, "\(network) \(address)")
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "a", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/+8"] {
            #expect(Network(bad) == nil, "\(bad)")
        }
    }

    @Test func onlyTrustedProxiesSayWhoAClientIs() throws {
        func address(_ peer: String, _ forwarded: [String], trusted: [String] = ["10.0.0.0/8", "::1"]) throws -> String? {
            let head = HTTPRequestHead(
                version: .http1_1, method: .GET, uri: "/ws", headers: HTTPHeaders(forwarded.map { ("X-Forwarded-For", $0) }))
            return Self.trust("", trusted).details(head, peer: try SocketAddress(ipAddress: peer, port: 1)).address
        }
        #expect(try address("192.0.2.1", ["198.51.100.7"]) == "192.0.2.1")
        #expect(try address("10.0.0.1", ["198.51.100.7"], trusted: []) == "10.0.0.1")
        #expect(try address("10.0.0.1", []) == "10.0.0.1")
        #expect(try address("10.0.0.1", ["198.51.100.7"]) == "198.51.100.7")
        // What the client itself wrote stands further left.
        #expect(try address("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.0.0.9"]) == "198.51.100.7")
        #expect(try address("10.0.0.1", ["1.1.1.1", "198.51.100.7:4711"]) == "198.51.100.7")
        #expect(try address("::1", ["[2001:db8::1]:80"]) == "2001:db8::1")
        #expect(try address("10.0.0.1", ["198.51.100.7, unknown"]) == "10.0.0.1")
    }

    private func location(_ line: String, _ port: Int, _ headers: String = "") async throws -> String? {
        try await request(line, port: port, headers: headers).head.header("Location")
    }

    @Test func redirectsAndDocumentsStayBelowTheBasePath() async throws {
        try await ServerFixture.run(configure: { $0.server.basePath = "/patchbay" }) { server in
            for path in ["/", "/patchbay", "/patchbay/", "/docs/", "/patchbay/docs/"] {
                #expect(try await location("GET \(path)", server.port) == "/patchbay/docs", "\(path)")
            }
            for path in ["/docs", "/patchbay/docs", "/patchbay/health", "/patchbay/docs/app.js", "/health"] {
                let head = try await request("GET \(path)", port: server.port).head
                #expect(head.hasPrefix("HTTP/1.1 200 "), "\(path)")
            }
            let openAPI = try await request("GET /patchbay/openapi.json", port: server.port).body
            #expect(openAPI.contains("\"url\": \"/patchbay\""))
            let asyncAPI = try await request("GET /asyncapi.json", port: server.port).body
            #expect(asyncAPI.contains("\"pathname\": \"/patchbay\""))
            // Nobody is trusted.
            #expect(try await location("GET /", server.port, "X-Forwarded-Prefix: /evil\r\n") == "/patchbay/docs")
            for path in ["/ws", "/patchbay/ws"] {
                let client = try await WebSocketTestClient(port: server.port, path: path)
                try await client.subscribe("a")
            }
        }
    }

    @Test func aTrustedProxyNamesThePath() async throws {
        try await ServerFixture.run(configure: { $0.server.trustedProxies = ["127.0.0.0/8"] }) { server in
            for (given, prefix) in [
                ("/live", "/live"), ("/live/", "/live"), ("/a/b, /c", "/a/b"), ("//evil.example", ""), ("/a/../b", ""),
                ("https://evil.example", ""),
                ("/a\"b", ""), ("/", ""),
            ] {
                let header = "X-Forwarded-Prefix: \(given)\r\n"
                #expect(try await location("GET /", server.port, header) == prefix + "/docs", "\(given)")
            }
            let header = "X-Forwarded-Prefix: /live\r\n"
            let live = try await request("GET /openapi.json", port: server.port, headers: header).body
            #expect(live.contains("\"url\": \"/live\""))
            let own = try await request("GET /openapi.json", port: server.port).body
            #expect(own.contains("\"url\": \"/\""))
        }
    }
}
