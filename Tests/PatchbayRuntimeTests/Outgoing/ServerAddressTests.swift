import Testing

@testable import PatchbayRuntime

/// Addresses of servers as people have them at hand.
@Suite struct ServerAddressTests {
    @Test func addressesMayBeIPv6() throws {
        #expect(ServerAddress(host: "[fe80::1%eth0]", port: 1).authority == "[fe80::1]:1")
        #expect(ServerAddress(host: "fe80::1%eth0", port: 1).text == "[fe80::1%eth0]:1")
        let linkLocal = try WebSocketAddress("ws://[fe80::1%25eth0]/a/ws?x=1")
        #expect(linkLocal.server.host == "fe80::1%eth0" && linkLocal.server.port == 80)
        #expect(linkLocal.path == "/a/ws?x=1" && linkLocal.sibling("channels") == "/a/channels")
        for wrong in [
            "", "ws://", "http:///ws", "ws://a:0/ws", "ws://a:99999/ws", "a:x", "a:0", "ws://user@a/ws", "a b", "::1", "wss://a", "ftp://a",
        ] {
            #expect(throws: AddressMistake.self, "\(wrong)") { try WebSocketAddress(wrong) }
        }
    }

    /// Who copied the address of the page, or wrote `localhost:8080`, was told that it must be of the form ws://host:port/path.
    @Test func addressesAreTakenAsPeopleHaveThem() throws {
        for (text, address) in [
            ("http://a", "ws://a:80/ws"), ("http://a:8080/", "ws://a:8080/ws"), ("HTTP://a:1/x/ws?client=me", "ws://a:1/x/ws?client=me"),
            ("localhost:8080", "ws://localhost:8080/ws"), ("localhost", "ws://localhost:8080/ws"), ("[::1]:9", "ws://[::1]:9/ws"),
            ("a:1/x", "ws://a:1/x"), ("ws://a", "ws://a:80/ws"), ("ws://a:1?client=me", "ws://a:1/ws?client=me"),
        ] {
            #expect(try WebSocketAddress(text).text == address, "\(text)")
        }
    }
}
