import NIOCore
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// An authorizer that isn't the server's own: at the handshake, at subscriptions, and in what is logged.
@Suite(.serialized) struct AuthorizerTests {
    /// Knows clients by a header; everybody may read `a`, and only ann reads `b`.
    private struct ByHeader: Authorizer {
        func authenticate(_ handshake: HandshakeRequest) throws(HandshakeRefusal) -> Principal {
            let names = handshake.values(of: "x-user")
            guard names.count == 1 else {
                throw HandshakeRefusal(.unauthorized, code: "who_are_you", message: "send X-User once")
            }
            guard names[0] != "mallory" else {
                throw HandshakeRefusal(.forbidden, code: "not_you", message: "mallory may not connect")
            }
            return Principal(name: names[0], expires: .now() + .hours(1))
        }

        func authorize(_ principal: Principal, toSubscribeTo channel: String) throws(SubscriptionRefusal) {
            guard channel != "a", principal.name != "ann" else { return }
            throw SubscriptionRefusal(code: "not_yours", message: "\(principal.name ?? "nobody") may not read \(channel)")
        }
    }

    @Test(arguments: [([:], "401", "who_are_you"), (["X-User": "mallory"], "403", "not_you")])
    func aHandshakeIsRefused(headers: [String: String], status: String, code: String) async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger(), authorizer: ByHeader()) { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
            let head = try await client.upgrade(headers: headers)
            #expect(head.hasPrefix("HTTP/1.1 \(status) "))
            #expect(String(decoding: try await client.socket.receiveToEnd(), as: UTF8.self).contains("\"\(code)\""))
            #expect(server.server.clientCount == 0)
            #expect(book.lines("connection refused").first?.metadata["code"] == code)
        }
    }

    @Test func aSubscriptionIsRefusedAndChangesNothing() async throws {
        try await ServerFixture.run(authorizer: ByHeader()) { server in
            let bob = try await WebSocketTestClient(port: server.port, headers: ["X-User": "bob"])
            // Whether there is such a channel is not said either.
            for channel in ["b", "none"] {
                try await bob.send("{\"type\":\"subscribe\",\"channel\":\"\(channel)\",\"id\":7}")
                let refusal = try await bob.receive()
                #expect(refusal.type == "error" && refusal.channel == channel)
                #expect(refusal.data == "{\"code\":\"not_yours\",\"error\":\"bob may not read \(channel)\",\"id\":7}")
            }
            try await bob.subscribe("a")
            server.publish(0..<1, to: "b")
            server.publish(1..<2, to: "a")
            #expect(try await bob.receive().channel == "a")
            let ann = try await WebSocketTestClient(port: server.port, headers: ["X-User": "ann"])
            try await ann.subscribe("b")
            server.publish(2..<3, to: "b")
            #expect(try await ann.receive().channel == "b")
        }
    }

    @Test func logLinesNameThePrincipal() async throws {
        let book = LogBook()
        try await ServerFixture.run(logger: book.logger(), authorizer: ByHeader()) { server in
            let client = try await WebSocketTestClient(port: server.port, headers: ["X-User": "ann"])
            try await client.subscribe("b")
            #expect(book.lines("client connected").first?.metadata["principal"] == "ann")
        }
    }
}
