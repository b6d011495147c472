import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// Names that no record can make were confirmed: 300 bytes, NUL, escape characters, 60 KB each, every one of them a channel
/// that stayed until the template's idle time was over (10,000 of them: 580 MiB). And `user.*` was confirmed and stayed
/// silent for ever, because a template could make a channel of that very name.
@Suite(.serialized) struct ChannelNameTests {
    private static let names: [(json: String, code: String?)] = [
        (String(repeating: "x", count: 253), nil), (String(repeating: "x", count: 254), "invalid_channel"),
        (String(repeating: "é", count: 127), "invalid_channel"), (String(repeating: "x", count: 60_000), "invalid_channel"),
        ("a\\u0000", "invalid_channel"), ("\\u001b[31m", "invalid_channel"), ("a\\nb", "invalid_channel"),
        ("\\u007f", "invalid_channel"), ("\\u009b1m", "invalid_channel"), ("\\u202egnp", "invalid_channel"),
        ("\\u2028", "invalid_channel"), ("\\ufeff", "invalid_channel"), ("é→漢👍", nil), ("with space", nil),
        ("*", "invalid_channel"), ("**", "invalid_channel"), (">", "invalid_channel"), ("#", "invalid_channel"),
        ("a.*.b", "invalid_channel"), ("x*", "invalid_channel"), ("a/+", "invalid_channel"), ("a:*", "invalid_channel"),
        ("{Token}", "invalid_channel"), ("{Other}", nil), ("C++", nil), ("order#5", nil), ("a*b", nil),
    ]

    @Test func namesThatNoRecordCanMakeAreRefusedBeforeAnythingIsKept() async throws {
        try await ServerFixture.run { server in
            server.replace(with: [ServerFixture.route("t", channels: ["u.{Token}"])])
            let client = try await WebSocketTestClient(port: server.port)
            var good = 0
            for (name, code) in Self.names {
                try await client.send("{\"type\":\"subscribe\",\"channel\":\"u.\(name)\",\"id\":1}")
                let answer = try await client.receive()
                #expect(answer.type == (code == nil ? "subscription_confirmed" : "error"), "\(name.prefix(80)): \(answer.text)")
                if let code { #expect(answer.data.contains("\"code\":\"\(code)\"") && answer.data.contains("\"id\":1")) }
                #expect(answer.text.utf8.count < 1500)
                if code == nil { good += 1 }
                #expect(server.router.allLogs.count == good, "\(name.prefix(80))")
            }
        }
    }

    @Test func aNameOutsideAnyTemplateIsToldThePatternToo() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            for (name, words) in [
                ("user.*", "looks like a pattern"), ("#", "looks like a pattern"), ("a\\u0007", "control characters"),
            ] {
                try await client.send("{\"type\":\"subscribe\",\"channel\":\"\(name)\"}")
                let answer = try await client.receive()
                #expect(answer.data.contains("\"code\":\"invalid_channel\"") && answer.data.contains(words), "\(answer.text)")
                #expect(!answer.data.contains("\\u0007"), "escaped for people")
            }
            // One character of 60 KB: its name was echoed whole.
            let accents = "a" + String(repeating: "\u{301}", count: 20_000)
            for request in [
                "{\"type\":\"unsubscribe\",\"channel\":\"\(accents)\"}", "{\"type\":\"ping\",\"\(accents)\":1}",
            ] {
                try await client.send(request)
                let answer = try await client.receive()
                #expect(answer.type == "error" && answer.text.utf8.count < 1500)
            }
        }
    }

    /// A record may well have such a value: then there is a channel of that name, and it can be subscribed to.
    @Test func aChannelThatIsThereCanBeHadWhateverItLooksLike() async throws {
        try await ServerFixture.run(channels: ["a.*": 100, "t": 100]) { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a.*")
            server.publish(0..<1, to: "a.*")
            #expect(try await client.receive().channel == "a.*")
            try await client.send("{\"type\":\"subscribe\",\"channel\":\"b.*\"}")
            #expect(try await client.receive().data.contains("invalid_channel"))
        }
    }
}
