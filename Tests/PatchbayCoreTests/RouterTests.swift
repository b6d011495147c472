import NIOCore
import NIOEmbedded
import PatchbayAPI
import Synchronization
import Testing

@testable import PatchbayCore

/// Emits values as they are, rejects those that start with `!`, filters those that start with `-`, and doubles `*`.
final class MarkTransformer: Transformer {
    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records {
            switch record.value?.first {
            case UInt8(ascii: "!"):
                output.reject(record, Rejection(code: "invalid_value", field: "Mark", explanation: "no marks"))
            case UInt8(ascii: "-"):
                output.filter(record, because: FilterReason(option: "marks", explanation: "its mark is a dash"))
            case UInt8(ascii: "*"):
                output.emit(record)
                output.emit(record)
            default: output.emit(record)
            }
        }
    }
}

/// - Returns: how many records were taken.
@discardableResult
func process(
    _ values: [String?], topic: String, with processor: any RecordProcessor, from offset: Int64 = 0,
    key: String? = nil
) -> Int {
    var taken = 0
    let bytes = values.map { $0.map { Array($0.utf8) } }
    func visit(_ index: Int, _ records: [Record], key: UnsafeRawBufferPointer?) {
        guard index < bytes.count else {
            taken = records.withUnsafeBufferPointer { processor.process(RecordBatch(topic: topic, records: $0)) }
            processor.finishPoll()
            return
        }
        func add(_ value: UnsafeRawBufferPointer?) {
            visit(
                index + 1,
                records + [
                    Record(
                        partition: 0, recordOffset: offset + Int64(index), timestampMilliseconds: 0, key: key,
                        value: value)
                ], key: key)
        }
        if let value = bytes[index] { value.withUnsafeBytes { add($0) } } else { add(nil) }
    }
    if let key {
        Array(key.utf8).withUnsafeBytes { visit(0, [], key: $0) }
    } else {
        visit(0, [], key: nil)
    }
    return taken
}

@Suite struct RouterTests {
    private func route(_ name: String, topic: String, channels: [String]) -> Route {
        Route(name: name, topic: topic, type: "note", channels: channels, makeTransformer: { MarkTransformer() })
    }

    private func table(_ routes: [Route], maxRecord: Int = 100) -> RouteTable {
        RouteTable(routes: routes, maxRecord: [("default", maxRecord)])
    }

    private func texts(_ channel: String, _ router: RoutingHub) -> [String] {
        router.log(ofChannel: channel).map { payloads($0.read(from: 0, maxBytes: .max).slices) } ?? []
    }

    @Test func wrapsDataIntoEnvelopesForEveryChannelOfTheRoute() throws {
        let route = route("r", topic: "t", channels: ["one", "tw\"o"])
        let router = RoutingHub(table: table([route]), fanouts: []).holding()
        process(["{\"a\":1}", "[2]"], topic: "t", with: router.makeProcessor())
        #expect(texts("one", router).count == 2)
        let first = try #require(texts("one", router).first)
        #expect(first.hasPrefix("{\"type\":\"note\",\"channel\":\"one\",\"data\":{\"a\":1},\"timestamp\":\"20"))
        #expect(first.hasSuffix("Z\"}"))
        #expect(texts("tw\"o", router).last?.hasPrefix("{\"type\":\"note\",\"channel\":\"tw\\\"o\",\"data\":[2],") == true)
        #expect(route.counters.snapshot.envelopes == 4)
        #expect(route.counters.snapshot.routed == 2)
    }

    @Test func countsEveryRecordExactlyOnce() {
        let route = route("r", topic: "t", channels: ["one"])
        let router = RoutingHub(table: table([route]), fanouts: []).holding()
        process(
            ["ok", "!bad", "-out", nil, "*", String(repeating: "x", count: 101)], topic: "t",
            with: router.makeProcessor())
        let figures = route.counters.snapshot
        #expect(figures.recordsIn == 6)
        #expect(figures.routed == 2)
        #expect(figures.envelopes == 3)
        #expect(figures.filtered == 1)
        #expect(figures.tombstonesIgnored == 1)
        #expect(figures.rejected == ["invalid_value": 1, "too_large": 1])
        #expect(texts("one", router).count == 3)
    }

    @Test func reportsRefusalsWithCoordinatesAndNotMoreThanOnePerSecond() {
        let collected = Collected<RejectedRecord>()
        let router = RoutingHub(
            table: table([route("r", topic: "t", channels: ["one"])]), fanouts: [], observe: { collected.add($0) })
        process(Array(repeating: "!", count: 50), topic: "t", with: router.makeProcessor(), from: 70)
        #expect(collected.all.count == 1)
        #expect(collected.all.first?.topic == "t")
        #expect(collected.all.first?.recordOffset == 70)
        #expect(collected.all.first?.rejection.field == "Mark")
        // For sums: with the end of a flood there is no next report to mention these.
        let counters = router.table.routes[0].counters
        let held = counters.takeHeldBackReports()
        #expect(held.values.reduce(0, +) == 49 && held.count == 1)
        #expect(counters.takeHeldBackReports().isEmpty)
    }

    @Test func twoRoutesOfOneTopicBothGetItsRecords() {
        let router = RoutingHub(
            table: table([
                route("a", topic: "t", channels: ["one"]), route("b", topic: "t", channels: ["tw\"o"]),
                route("c", topic: "u", channels: ["one"]),
            ]), fanouts: []
        ).holding()
        process(["1"], topic: "t", with: router.makeProcessor())
        #expect(texts("one", router).count == 1)
        #expect(texts("tw\"o", router).count == 1)
    }

    @Test func wakesTheEventLoopsOfSubscribersOnly() throws {
        let loop = EmbeddedEventLoop()
        let fanout = Fanout(eventLoop: loop, index: 0)
        let router = RoutingHub(table: table([route("r", topic: "t", channels: ["one"])]), fanouts: [fanout])
        let processor = router.makeProcessor()
        process(["1"], topic: "t", with: processor)
        let receiver = FakeReceiver()
        _ = try fanout.subscribe(receiver, to: router.openLog(ofChannel: "one"))
        process(["2"], topic: "t", with: processor)
        process(["3"], topic: "t", with: processor)
        loop.run()
        #expect(payloads(receiver.sent).count == 2)
        #expect(receiver.flushes == 1)
    }

    @Test func limiterLetsOneThroughPerSecond() {
        var limiter = ReportLimiter()
        let admitted = [0, 1, 999, 1000, 2000].map { limiter.admit(monotonicMilliseconds: $0) }
        #expect(admitted == [true, false, false, true, true])
    }
}
