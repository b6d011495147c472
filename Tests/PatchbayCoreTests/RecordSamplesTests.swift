import PatchbayAPI
import Testing

@testable import PatchbayCore

/// Records kept for previews were bounded per topic only: 20 of 64 KiB for each of 1,000 topics, 1.25 GiB, and their
/// headers not at all.
@Suite struct RecordSamplesTests {
    private let samples = RecordSamples()

    private func add(_ count: Int, valueBytes: Int, headerBytes: Int = 0, topic: String) {
        let headers = headerBytes > 0 ? [SampledRecord.Header(name: "h", value: Array(repeating: 1, count: headerBytes))] : []
        let record = SampledRecord(key: nil, value: Array(repeating: 0, count: valueBytes), headers: headers)
        record.withRecord { record in
            Array(repeating: record, count: count).withUnsafeBufferPointer {
                samples.add(RecordBatch(topic: topic, records: $0), last: count, cluster: "c")
            }
        }
    }

    private func held(_ topic: String) -> Int { samples.all.first { $0.id.topic == topic }?.records.count ?? 0 }

    @Test func allTopicsTogetherHaveOneBound() {
        add(20, valueBytes: 100, topic: "small")
        for topic in 0..<100 { add(20, valueBytes: 60_000, topic: "large\(topic)") }
        #expect(samples.byteCount <= RecordSamples.mostBytes)
        // Nothing was left unused, and those that hold most gave theirs up.
        #expect(samples.byteCount > RecordSamples.mostBytes / 2)
        #expect(held("small") == 20)
        #expect(held("large99") > 0)
    }

    @Test func headersCount() {
        add(1, valueBytes: 10, headerBytes: RecordSamples.largestRecord, topic: "t")
        #expect(held("t") == 0)
        for topic in 0..<100 { add(20, valueBytes: 0, headerBytes: 60_000, topic: "t\(topic)") }
        #expect(samples.byteCount <= RecordSamples.mostBytes)
    }

    @Test func aNewTopicTakesThePlaceOfTheQuietest() {
        for topic in 0..<RecordSamples.maximumTopics { add(1, valueBytes: 1, topic: "t\(topic)") }
        add(1, valueBytes: 1, topic: "t0")
        add(1, valueBytes: 1, topic: "new")
        #expect(held("new") == 1 && held("t0") == 2 && held("t1") == 0)
    }

    @Test func whatIsHeldAddsUp() {
        for round in 0..<50 { add(3, valueBytes: round * 100, topic: "t\(round % 3)") }
        #expect(samples.byteCount == samples.all.flatMap(\.records).reduce(0) { $0 + $1.byteCount })
        #expect(samples.all.allSatisfy { $0.records.count == RecordSamples.perTopic })
    }
}
