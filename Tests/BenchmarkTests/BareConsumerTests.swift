import CLoad
import Testing

@Suite(.timeLimit(.minutes(1)))
struct BareConsumerTests {
    @Test("The numbers of a value are read back, and those of anything else are not there")
    func numbers() {
        var value = [CChar](repeating: 0, count: 1_000)
        let length = Int(cload_kafka_value(123_456, 9_876_543_210, &value, 1_000))
        var sequence: UInt64 = 0
        var due: UInt64 = 0
        #expect(cload_value_numbers(value, length, &sequence, &due))
        #expect(sequence == 123_456)
        #expect(due == 9_876_543_210)
        #expect(!cload_value_numbers(value, length - 1, &sequence, &due))
        #expect(!cload_value_numbers([CChar](repeating: 0x20, count: length), length, &sequence, &due))
    }

    @Test("It counts every record from the beginning, and stamps those from its first one on", arguments: [nil, 300] as [UInt64?])
    func reads(firstSequence: UInt64?) throws {
        var error = cload_error()
        let kafka = try #require(cload_kafka_create("trade-info", 4, 0, &error))
        defer { cload_kafka_destroy(kafka) }
        var pace = cload_pace()
        pace.count = 500
        pace.rate = 1e6
        try #require(cload_kafka_begin(kafka, &pace, &error))
        var produced = cload_produced()
        try #require(cload_kafka_finish(kafka, &produced, &error))

        let histogram = try #require(cload_histogram_create())
        defer { cload_histogram_destroy(histogram) }
        var config = cload_bare_config()
        var result = cload_bare_result()
        config.source.brokers = cload_kafka_brokers(kafka)
        config.source.partitions = 4
        config.count = 500 - (firstSequence ?? 0)
        config.latency = firstSequence == nil ? nil : histogram
        config.first_sequence = firstSequence ?? 0
        let isDone = "trade-info".withCString { topic in
            "fetch.wait.max.ms=1".withCString { property in
                [property, nil].withUnsafeBufferPointer { properties in
                    config.source.topic = topic
                    config.source.properties = properties.baseAddress
                    return cload_bare_run(&config, &result, &error)
                }
            }
        }
        #expect(isDone)
        #expect(result.records == config.count)
        #expect(result.elapsed_ns > 0)
        #expect(cload_histogram_count(histogram) == (firstSequence == nil ? 0 : config.count))
    }
}
