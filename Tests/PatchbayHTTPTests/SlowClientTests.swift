import Foundation
import Logging
import NIOCore
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// A slow client was sixteen hexadecimal digits in `/health` and the log: nobody could tell whose it is, and whether it had
/// caught up or left, and what it had lost by then, was never said.
@Suite(.serialized) struct SlowClientTests {
    private struct Slow: Decodable {
        struct Subscription: Decodable {
            var connection: String
            var address: String?
            var origin: String?
            var user_agent: String?
            var client: String?
        }
        var losing: Int
        var subscriptions: [Subscription]
    }

    private struct Health: Decodable { var slow: Slow }

    private static func slow(_ server: ServerFixture) async throws -> Slow {
        let body = try await request("GET /health", port: server.port).body
        return try JSONDecoder().decode(Health.self, from: Data(body.utf8)).slow
    }

    /// Publishes until somebody loses messages.
    private static func flood(_ server: ServerFixture) async throws -> Int {
        var published = 0
        try await eventually("somebody to lose messages") {
            server.publish(published..<published + 1000, to: "a", padding: 1000)
            published += 1000
            return try await slow(server).losing > 0
        }
        return published
    }

    @Test func aSlowClientCanBeToldApartAndItsEndIsToldWithWhatItLost() async throws {
        let book = LogBook()
        try await ServerFixture.run(channels: ["a": 50], logger: book.logger(.info)) { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port, receiveBuffer: 4096))
            _ = try await client.upgrade(
                path: "/ws?client=till%20%1b7&x=1", headers: ["User-Agent": "till/2 " + String(repeating: "x", count: 1000)])
            try await client.subscribe("a")
            let total = try await Self.flood(server)
            let named = try #require(try await Self.slow(server).subscriptions.first)
            #expect(named.address == "127.0.0.1" && named.client == "till U+001B7" && named.origin == nil)
            #expect(named.user_agent?.hasPrefix("till/2 x") == true && (named.user_agent?.count ?? 1000) <= 101)
            let line = try #require(book.lines("client reads too slowly and loses messages").first)
            #expect(line.metadata["client"] == "till U+001B7" && line.metadata["address"] == "127.0.0.1")
            #expect(line.metadata["connection"] == named.connection)
            let result = try await LiveConnectionTests.readAll(client, until: total)
            try await eventually("it to be said") { !book.lines("slow client has caught up").isEmpty }
            let lines = book.lines("slow client has caught up")
            #expect(lines.last?.metadata["lost"] == "\(result.dropped)" && lines.last?.metadata["client"] == "till U+001B7")
            #expect(book.lines("slow client left").isEmpty)
        }
    }

    @Test func aSlowClientThatLeavesIsToldToo() async throws {
        let book = LogBook()
        try await ServerFixture.run(channels: ["a": 50], logger: book.logger(.info)) { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port, receiveBuffer: 4096))
            _ = try await client.upgrade(headers: ["Origin": "https://app.example", "User-Agent": "Mozilla"])
            try await client.subscribe("a")
            _ = try await Self.flood(server)
            let named = try #require(try await Self.slow(server).subscriptions.first)
            #expect(named.origin == "https://app.example" && named.user_agent == nil && named.client == nil)
            client.socket.reset()
            try await eventually("it to be said") { !book.lines("slow client left").isEmpty }
            let line = try #require(book.lines("slow client left").first)
            #expect(line.metadata["lost"].flatMap { Int64($0) } == server.router.log(ofChannel: "a")?.figures.dropped)
            #expect(line.metadata["origin"] == "https://app.example" && line.metadata["channel"] == "a")
        }
    }
}
