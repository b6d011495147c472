import PatchbayAPI
import PatchbayJSON
import PatchbaySettings
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// What clients see of a change of the routes.
@Suite(.serialized) struct ReloadingServerTests {
    @Test func aRemovedChannelIsClosedAndTheConnectionLivesOn() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            try await client.subscribe("b")
            server.publish(0..<1, to: "a")
            #expect(try await client.receive().channel == "a")
            server.replace(with: [ServerFixture.route("b", channels: ["b"]), ServerFixture.route("c", channels: ["c"])])
            let closed = try await client.receive()
            #expect(closed.type == "channel_closed" && closed.channel == "a")
            #expect(closed.data == #"{"reason":"it was removed"}"#)
            server.publish(0..<1, to: "b")
            #expect(try await client.receive().channel == "b")
            try await client.subscribe("c")
            server.publish(0..<1, to: "c")
            #expect(try await client.receive().channel == "c")
            try await client.send(#"{"type":"subscribe","channel":"a"}"#)
            let refusal = try await client.receive()
            #expect(refusal.type == "error" && refusal.data.contains("unknown_channel") && refusal.data.contains("b, c"))
            // Taking leave of what is gone is confirmed like any other.
            try await client.send(#"{"type":"unsubscribe","channel":"a"}"#)
            #expect(try await client.receive().data.contains("unsubscribed"))
        }
    }

    @Test func aChannelThatComesBackCanBeSubscribedToAgain() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            server.replace(with: [ServerFixture.route("b", channels: ["b"])])
            #expect(try await client.receive().type == "channel_closed")
            server.replace(with: [ServerFixture.route("a", channels: ["a"])])
            try await client.subscribe("a")
            server.publish(0..<1, to: "a")
            #expect(try await client.receive().type == "note")
        }
    }

    @Test func channelsOfTemplatesAreSubscribedToBeforeTheirFirstMessage() async throws {
        try await ServerFixture.run { server in
            server.replace(with: [ServerFixture.route("t", channels: ["all", "t.{n}"])])
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("t.7")
            try await client.send(#"{"type":"subscribe","channel":"u.7"}"#)
            let refusal = try await client.receive()
            #expect(refusal.data.contains("unknown_channel") && refusal.data.contains("all, t.{n}"))
            server.publish(0..<20, to: "t")
            let message = try await client.receive()
            #expect(message.channel == "t.7" && message.data == #"{"n":7,"p":""}"#)
        }
    }

    /// One channel that an event loop didn't come to held up a whole cluster, and nothing said which.
    @Test func healthNamesTheChannelThatAConsumerWaitsFor() async throws {
        try await ServerFixture.run { server in
            let (router, consumer) = (server.router, ObjectIdentifier(server))
            let now = MonotonicTime.nowMilliseconds()
            func wait(at time: Int64) {
                router.waits.wait(consumer, cluster: "default", channel: "a", label: "a", monotonicMilliseconds: time)
            }
            wait(at: now - 900)
            // Back-pressure that works: short waits are no reason for anything.
            #expect(server.server.health.status == .ok && server.server.health.waiting.map(\.channel) == ["a"])
            router.waits.end(consumer, monotonicMilliseconds: now)
            for ago in stride(from: Int64(7000), through: 0, by: -1000) { wait(at: now - ago) }
            let health = server.server.health
            #expect(health.status == .degraded && health.reasons.contains { $0.contains("channel a holds more") })
            #expect(health.waiting.first.map { $0.seconds >= 7 && $0.cluster == "default" } == true)
        }
    }

    /// Names that clients invent take no channel from records; one connection may wait for so many of them, and no more.
    @Test func aConnectionMayWaitForSoManyChannelsThatNoRecordHasMade() async throws {
        try await ServerFixture.run(configure: { $0.limits.awaitedChannelsPerConnection = 2 }) { server in
            let route = Route(
                name: "t", topics: [.name("t")], steps: ServerFixture.route("t", channels: []).steps, type: "note",
                channels: [try ChannelTemplate("t.{n}")], templateLimits: .init(maximumChannels: 1),
                makeFieldReader: { JSONFieldReader(paths: $0) })
            server.replace(with: [route])
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("t.\u{E9}")
            try await client.subscribe("t.2")
            try await client.subscribe("t.2")
            // The second only looks like one that is waited for.
            for channel in ["t.3", "t.e\u{301}"] {
                try await client.send("{\"type\":\"subscribe\",\"channel\":\"\(channel)\"}")
                let refusal = try await client.receive().data
                #expect(refusal.contains("too_many_channels") && refusal.contains("may wait for 2"))
            }
            #expect(server.refusals(.awaitedChannels) == 2)
            // A record makes one of them; then there is room for another wish.
            server.publish(2..<3, to: "t")
            #expect(try await client.receive().channel == "t.2")
            try await client.subscribe("t.3")
            #expect(server.router.madeChannels == ["t": 1] && server.router.awaitedChannels.count == 2)
            client.socket.close()
            try await eventually("the channels go with their last subscriber") {
                server.router.awaitedChannels.count == 0
            }
        }
    }
}
