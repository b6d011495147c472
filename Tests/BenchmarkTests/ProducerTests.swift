import CLoad
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ProducerTests {
    @Test("Every value has the same length, whatever its number")
    func fixedWidth() {
        var value = [CChar](repeating: 0, count: 1_000)
        for sequence in [0, 9, 999_999_999_999] as [UInt64] {
            #expect(cload_kafka_value(sequence, UInt64(Int64.max), &value, 1_000) == cload_kafka_value_bytes())
        }
        let text = String(decoding: value.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(text.hasSuffix(#""Seq":"999999999999","SentNs":"9223372036854775807"}"#))
    }

    @Test("Partitions take turns in blocks, and the next number of a partition is the first that belongs to it")
    func partitions() {
        #expect([0, 63, 64, 127, 128, 255, 256].map { cload_partition($0, 4) } == [0, 0, 1, 1, 2, 3, 0])
        for sequence in 0..<600 as Range<UInt64> {
            for partition in 0..<3 as Range<UInt32> {
                let first = (sequence...).first { cload_partition($0, 3) == partition }
                #expect(cload_next_in_partition(sequence, partition, 3) == first)
            }
        }
    }

    @Test("A run hands every record to the mock broker, and holds its pace from the first record to the last")
    func pace() throws {
        var error = cload_error()
        let kafka = try #require(cload_kafka_create("trade-info", 4, 0, &error))
        defer { cload_kafka_destroy(kafka) }
        var pace = cload_pace()
        pace.count = 500
        pace.rate = 1_000
        #expect(cload_kafka_begin(kafka, &pace, &error))
        #expect(!cload_kafka_begin(kafka, &pace, &error), "a second run beside the first")
        var result = cload_produced()
        #expect(cload_kafka_finish(kafka, &result, &error))
        #expect(result.produced == 500)
        #expect(result.failed == 0)
        // The last one is due 499 ms after the first; being late is possible, being early is not.
        #expect(result.elapsed_ns >= 499_000_000)
    }
}
