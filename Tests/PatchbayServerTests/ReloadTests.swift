import PatchbayJSON
import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayServer

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

    @Test func aTemplateWithAllItsChannelsRefusesMore() async throws {
        try await ServerFixture.run { server in
            let route = Route(
                name: "t", topics: [.name("t")], steps: [], type: "note", channels: [try ChannelTemplate("t.{n}")],
                templateLimits: .init(maximumChannels: 1), makeFieldReader: { JSONFieldReader(paths: $0) })
            server.replace(with: [route])
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("t.1")
            try await client.send(#"{"type":"subscribe","channel":"t.2"}"#)
            #expect(try await client.receive().data.contains("too_many_channels"))
        }
    }
}
