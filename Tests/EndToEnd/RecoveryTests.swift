import Foundation
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import Synchronization
import TestSupport
import Testing

@testable import PatchbayRuntime

/// Brokers and routers come and go; no record is lost.
@Suite(.serialized) struct RecoveryTests {
    @Test func startsWithoutBrokersAndRecoversWhenTheyCome() async throws {
        let kafka = try TestKafka()
        defer { kafka.close() }
        try kafka.produce("trade-info", [Sample.trade(1)])
        try kafka.kafka.takeDown()
        let router = try await RunningRouter.start(brokers: kafka.brokers, awaitingAssignment: false)
        do {
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try await eventually("health to say that no broker is there") {
                router.service.health.status == .unavailable
                    && router.service.health.reasons.contains { $0.contains("broker") }
            }
            try kafka.kafka.bringUp()
            #expect(Sample.number(try await client.receive()) == 1)
            try await eventually("health to be good again") { router.service.health.status == .ok }
        } catch {
            await router.service.stop()
            throw error
        }
        await router.service.stop()
    }

    @Test func aBrokerLostMidwayLosesNothing() async throws {
        try await RunningRouter.run { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            try kafka.produce("trade-info", (0..<50).map(Sample.trade))
            for number in 0..<50 { #expect(Sample.number(try await client.receive()) == number) }
            try kafka.kafka.takeDown()
            try await eventually("the loss to be noticed") { router.service.health.status == .unavailable }
            for number in 50..<100 {
                try kafka.producer.produce(topic: "trade-info", partition: 0, value: Sample.trade(number))
            }
            try kafka.kafka.bringUp()
            for number in 50..<100 {
                #expect(Sample.number(try await client.receive()) == number)
            }
        }
    }

    @Test func aRestartContinuesWhereTheLastRunEnded() async throws {
        let kafka = try TestKafka()
        defer { kafka.close() }
        for run in 0..<3 {
            let router = try await RunningRouter.start(brokers: kafka.brokers, group: "restarts")
            do {
                let client = try await WebSocketTestClient(port: router.port)
                try await client.subscribe("trades")
                try kafka.produce("trade-info", (run * 20..<run * 20 + 20).map(Sample.trade))
                for number in run * 20..<run * 20 + 20 { #expect(Sample.number(try await client.receive()) == number) }
            } catch {
                await router.service.stop()
                throw error
            }
            await router.service.stop()
            // Comes while nobody listens; the next run must not miss it. It is the first thing it consumes, perhaps
            // before a client is there, so it is told by the counters.
        }
        try kafka.produce("trade-info", [Sample.trade(999)])
        let last = try await RunningRouter.start(brokers: kafka.brokers, group: "restarts")
        try await eventually("the record between two runs") {
            last.service.health.routes.contains { $0.route == "trade-info" && $0.recordsIn == 1 }
        }
        await last.service.stop()
    }

    /// Shuts down in the middle of a stream. What the first run delivered and what the second one delivers must add
    /// up to everything, once each: committed means delivered.
    ///
    /// Since the kernel holds little for each client, a socket may be full when the server stops: the drain once passed it
    /// over, and what was committed and not yet handed out was lost without a word.
    @Test func aShutdownUnderLoadLosesNoCommittedRecord() async throws {
        let kafka = try TestKafka()
        defer { kafka.close() }
        let first = try await RunningRouter.start(brokers: kafka.brokers, group: "loaded", drainTimeout: "9s")
        let client = try await WebSocketTestClient(port: first.port)
        try await client.subscribe("trades")
        // What came, and how much it was told at the end that it can't have: on a busy machine the client reads too slowly for
        // the time that a drain gives it.
        let collected = Task {
            var (came, missed) = (0, 0)
            while true {
                let message = try await client.receive()
                switch message.type {
                case "server_shutdown": return (came, missed)
                case "gap": missed += Int(message.data.filter(\.isNumber)) ?? -1
                default:
                    // In order, and everything but what a gap tells of.
                    #expect(Sample.number(message) == came + missed)
                    came += 1
                }
            }
        }
        @Sendable func taken() -> Int64 { first.service.health.routes.first { $0.route == "trade-info" }?.recordsIn ?? 0 }
        // There is always more, however late a busy machine notices that the stream flows.
        let isStopped = Atomic<Bool>(false)
        async let produced: Int = {
            var next = 0
            while !isStopped.load(ordering: .relaxed) {
                try kafka.produce("trade-info", (next..<next + 200).map(Sample.trade))
                next += 200
                try await eventually("the router to follow") { taken() > next - 3_000 || isStopped.load(ordering: .relaxed) }
            }
            try kafka.produce("trade-info", (next..<next + 200).map(Sample.trade))
            return next + 200
        }()
        try await eventually("the stream to flow") { taken() > 2000 }
        await first.service.stop()
        isStopped.store(true, ordering: .relaxed)
        let (came, missed) = try await collected.value
        let total = try await produced
        let handled = came + missed
        #expect(handled >= 2000 && handled < total)

        // Nobody is connected yet when it starts, so it counts instead of receiving.
        let second = try await RunningRouter.start(brokers: kafka.brokers, group: "loaded")
        try await eventually("the rest") {
            second.service.health.routes.contains { $0.route == "trade-info" && $0.recordsIn >= total - handled }
        }
        let rest = second.service.health.routes.first { $0.route == "trade-info" }
        #expect(rest?.recordsIn == Int64(total - handled))
        await second.service.stop()
    }
}
