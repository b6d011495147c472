import Logging
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// What the log says of refused records.
@Suite struct RejectionLogTests {
    /// A flood of refused records is a line a second and a sum of the rest. The sum had no code, so that nobody could tell
    /// which mistake it was that went on.
    @Test func whatIsHeldBackIsSummedUpByCode() async throws {
        let kafka = try TestKafka(topics: [("trade-info", 1)])
        defer { kafka.close() }
        let log = LogBook()
        let router = try await RunningRouter.start(
            brokers: kafka.brokers, routes: "routes: [{ name: trades, topic: trade-info, transform: trade, channel: c }]",
            logger: log.logger)
        for _ in 0..<20 {
            for value in ["{", "{}"] { try kafka.producer.produce(topic: "trade-info", partition: 0, value: value) }
        }
        try await eventually("all to be refused") { router.figures(of: "trades")?.recordsIn == 40 }
        await router.service.stop()
        let sums = log.lines.filter { $0.message == "more records rejected" }
        #expect(Set(sums.map { $0.metadata["code"]?.description }) == ["invalid_json", "missing_field"])
        #expect(sums.allSatisfy { $0.metadata["route"]?.description == "trades" })
        func number(_ key: String, _ lines: [LogBook.Line]) -> Int {
            lines.reduce(0) { $0 + ($1.metadata[key].flatMap { Int($0.description) } ?? 0) }
        }
        let single = log.lines.filter { $0.message == "record rejected" }
        #expect(single.count + number("also_rejected", single) + number("count", sums) == 40)
    }
}
