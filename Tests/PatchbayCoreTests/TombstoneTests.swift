import PatchbayAPI
import Testing

@testable import PatchbayCore

/// Records without a value: deletions, as far as a route wants to know of them.
@Suite struct TombstoneTests {
    private func hub(_ routes: [Route], observe: @escaping RejectionObserver = { _ in }) -> RoutingHub {
        RoutingHub(table: RouteTable(routes: routes), fanouts: [], observe: observe).holding()
    }

    /// `nil` is a tombstone; the key is the same for all.
    private func run(
        _ values: [String?], _ route: Route, key: String? = "k"
    ) -> (data: [String], figures: RouteCounters.Snapshot, taken: Int) {
        let hub = hub([route])
        let taken = process(values, topic: "t", with: hub.makeProcessor(), key: key)
        return (hub.data(of: "one"), route.counters.snapshot, taken)
    }

    @Test func anIgnoredOneIsCountedAndNothingElse() {
        let result = run(["1", nil, "2"], .make())
        #expect(result.data == ["1", "2"])
        #expect(result.figures.tombstonesIgnored == 1 && result.figures.filtered == 0 && result.figures.rejected.isEmpty)
        #expect(result.figures.recordsIn == 3 && result.figures.routed == 2)
    }

    @Test func aRefusedOneIsRefusedAsAnyBadRecord() {
        let result = run(["1", nil, "2"], .make(tombstones: .reject))
        #expect(result.data == ["1", "2"])
        #expect(result.figures.rejected == ["tombstone": 1] && result.figures.tombstonesIgnored == 0)
    }

    @Test func clientsAreToldInOneFormAndInOrder() {
        let result = run([nil, "1", nil, nil, "2", "3", nil], .make(steps: [{ Marking("a") }, { Marking("b") }], tombstones: .message))
        let deletion = #"null,"deleted":true,"key":"k""#
        #expect(result.data == [deletion, "1ab", deletion, deletion, "2ab", "3ab", deletion])
        #expect(result.figures.routed == 7 && result.figures.envelopes == 7 && result.figures.rejected.isEmpty)
    }

    @Test func theWholeEnvelopeIsTheRoutesOwn() throws {
        let hub = hub([.make(type: "price", tombstones: .message)])
        process([nil], topic: "t", with: hub.makeProcessor(), key: "0x01")
        let text = try #require(hub.log(ofChannel: "one").map { payloads($0.read(from: 0, maxBytes: .max).slices) }?.first)
        #expect(text.hasPrefix(#"{"type":"price","channel":"one","data":null,"deleted":true,"key":"0x01","timestamp":"20"#))
        #expect(text.hasSuffix("Z\"}"))
    }

    @Test(
        "a key is text, whatever it looks like",
        arguments: [
            ("7", #""7""#), (#"{"id":7}"#, #""{\"id\":7}""#), ("", #""""#), ("a\\b\u{1}\n", #""a\\b\u0001\n""#),
            ("grün", #""grün""#), ("null", #""null""#),
        ])
    func keys(_ key: String, _ written: String) {
        #expect(run([nil], .make(tombstones: .message), key: key).data == [#"null,"deleted":true,"key":"# + written])
    }

    @Test func withoutAKeyItDoesNotSayWhatIsDeleted() {
        let result = run(["1", nil], .make(tombstones: .message), key: nil)
        #expect(result.data == ["1"] && result.figures.rejected == ["missing_key": 1])
    }

    @Test func aKeyThatIsNotTextIsRefusedAndNotAltered() {
        let route = Route.make(tombstones: .message)
        let hub = hub([route])
        let processor = hub.makeProcessor()
        for key in [[0xFF], [0x61, 0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]] {
            key.withUnsafeBytes { key in
                let record = Record(partition: 0, recordOffset: 0, timestampMilliseconds: 0, key: key, value: nil)
                withUnsafePointer(to: record) {
                    _ = processor.process(RecordBatch(topic: "t", records: UnsafeBufferPointer(start: $0, count: 1)))
                }
            }
        }
        #expect(hub.data(of: "one").isEmpty && route.counters.snapshot.rejected == ["invalid_key": 3])
    }

    /// A normal delete stopped the topic.
    @Test(arguments: [(TombstonePolicy.ignore, 3), (.message, 3), (.reject, 1)])
    func aRouteThatStopsStopsAtADeleteOnlyWhenItIsToldTo(_ policy: TombstonePolicy, _ taken: Int) {
        let route = Route.make(onError: .stop, tombstones: policy)
        #expect(run(["1", nil, "2"], route).taken == taken)
        #expect((route.counters.halt == nil) == (taken == 3))
    }

    @Test func templatesAreFilledInFromTheRecordAndNotFromFields() {
        let route = Route.make(channels: ["one", "k.{@key}", "f.{a}"], tombstones: .message)
        let collected = Collected<RejectedRecord>()
        let hub = hub([route], observe: { collected.add($0) })
        process([#"{"a":"x"}"#, nil], topic: "t", with: hub.makeProcessor(), key: "K")
        #expect(hub.log(ofChannel: "k.K") != nil && hub.log(ofChannel: "f.x") != nil)
        // Two channels get the deletion, and the third can't be made: of the record before it, least of all.
        #expect(route.counters.snapshot.envelopes == 5 && hub.log(ofChannel: "f.x")?.figures.messages == 1)
        #expect(route.counters.snapshot.rejected == ["channel_unrenderable": 1])
        #expect(collected.all.first?.rejection.explanation.contains("since the record has no value (a tombstone)") == true)
    }

    /// Turns tombstones round: what was deleted is emitted, and what has a value is a deletion.
    private final class Turning: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records {
                if record.value == nil {
                    Array("gone".utf8).withUnsafeBytes { output.emit(record, data: $0) }
                } else {
                    output.emitTombstone(record)
                }
            }
        }
    }

    @Test func aStepThatAsksForThemGetsThem() {
        let steps: [@Sendable () -> any Transformer] = [{ Marking("a") }, { Turning() }, { Marking("b") }]
        let route = Route.make(steps: steps, tombstones: .message, takesTombstones: [1])
        #expect(run(["1", nil, "2"], route).data == [#"null,"deleted":true,"key":"k""#, "goneb", #"null,"deleted":true,"key":"k""#])
    }

    @Test func aTrialShowsWhatBecomesOfThem() {
        let tombstone = SampledRecord(key: Array("k\"".utf8), value: nil)
        func trial(_ policy: TombstonePolicy) -> RouteTrial.Result {
            RouteTrial(route: .make(channels: ["one", "k.{@key}"], tombstones: policy), maxRecord: 10).run(tombstone, topic: "t")
        }
        let ignored = trial(.ignore)
        #expect(ignored.isIgnored && !ignored.isFiltered && ignored.envelopes.isEmpty && ignored.steps.isEmpty)
        #expect(trial(.reject).rejections == [.tombstone])
        let told = trial(.message)
        #expect(told.envelopes.map(\.channel) == ["one", "k.k\""] && told.steps.isEmpty)
        #expect(told.envelopes.allSatisfy { $0.dataText == #"null,"deleted":true,"key":"k\"""# })
        let nameless = RouteTrial(route: .make(tombstones: .message), maxRecord: 10).run(SampledRecord(key: nil, value: nil), topic: "t")
        #expect(nameless.rejections.map(\.code) == ["missing_key"])
    }
}
