import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayHTTP
import TestSupport
import Testing

@testable import PatchbayRuntime

/// `conflate` in a running router, with a real client and an embedded Kafka.
@Suite struct HoldingTests {
    private static func routes(every: String, more: String = "") -> String {
        """
        routes:
          - name: trades
            topic: trade-info
            transform: [{ conflate: { key: "{Token}", every: \(every) } }, trade]
            channels: [trades, "by.{@topic}"]
            \(more)
        """
    }

    @Test func theNewestOfAKeyComesOnceInItsTime() async throws {
        try await RunningRouter.run(routes: Self.routes(every: "300ms")) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try kafka.produce("trade-info", (1...50).map(Sample.trade))
            try await eventually("all to be taken") { router.figures(of: "trades")?.recordsIn == 50 }
            var last = 0
            while last < 50 { last = Sample.number(try await client.receive()) ?? 0 }
            try await eventually("the figures") { router.figures(of: "trades")?.recordsHeld == 0 }
            let figures = try #require(router.figures(of: "trades"))
            #expect(figures.recordsRouted + figures.recordsFiltered == 50 && figures.recordsRouted < 50 && figures.recordsAbandoned == 0)
        }
    }

    /// Its time is far away: only being told to flush can make it come.
    @Test func aReloadAndAStopHandOutWhatIsHeldAndCommitIt() async throws {
        let kafka = try TestKafka()
        defer { kafka.close() }
        let first = try await RunningRouter.start(brokers: kafka.brokers, group: "held", routes: Self.routes(every: "60s"))
        let client = try await WebSocketTestClient(port: first.port)
        try await client.subscribe("trades")
        try await client.subscribe("by.trade-info")
        try kafka.produce("trade-info", [Sample.trade(1), Sample.trade(2)])
        try await eventually("it to be held") { first.figures(of: "trades").map { $0.recordsIn == 2 && $0.recordsHeld == 1 } == true }
        // An unchanged route keeps what it holds.
        _ = try await first.reload(Self.routes(every: "60s") + "\n  - { name: other, topic: trade-info, transform: json, channel: others }")
        #expect(first.figures(of: "trades")?.recordsHeld == 1)
        _ = try await first.reload(Self.routes(every: "50s"))
        let messages = try await [client.receive(), client.receive()]
        #expect(messages.map { Sample.number($0) } == [2, 2] && Set(messages.map(\.channel)) == ["trades", "by.trade-info"])
        try kafka.produce("trade-info", [Sample.trade(3), Sample.trade(4)])
        try await eventually("the next to be held") { first.figures(of: "trades").map { $0.recordsIn == 4 && $0.recordsHeld == 1 } == true }
        await first.service.stop()
        #expect(Sample.number(try await client.receive()) == 4)

        let second = try await RunningRouter.start(brokers: kafka.brokers, group: "held", routes: Self.routes(every: "10ms"))
        let other = try await WebSocketTestClient(port: second.port)
        try await other.subscribe("trades")
        try kafka.produce("trade-info", [Sample.trade(5)])
        #expect(Sample.number(try await other.receive()) == 5)
        #expect(second.figures(of: "trades")?.recordsIn == 1)
        await second.service.stop()
    }

    @Test func stepsThatRememberAreNoPartOfARouteThatStops() throws {
        let file = """
            version: 1
            routes:
              - { topic: a, transform: { dedupe: "{id}" }, channel: c, on_error: stop }
              - { name: b, topic: a, transform: { sample: { one_in: 2, key: "{id}" } }, channel: c, on_error: stop }
              - { name: c, topic: a, transform: [json, { conflate: "{id}" }], channels: [c, "by.{@header.h}"] }

            """
        let result = ConfigurationLoader.load(
            text: file, file: "routes.yaml", environment: [:], transformers: try BuiltinTransformers.set())
        #expect(
            result.diagnostics.map { "\($0.position?.line ?? 0) \($0.message)" } == [
                "3 `dedupe` remembers earlier records, and a route with `on_error: stop` takes records back when it stops",
                "5 channel `by.{@header.h}` is made of a header, and `conflate` keeps records without their headers",
            ])
    }
}
