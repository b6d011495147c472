import PatchbayKafka
import Synchronization
import TestSupport
import Testing

@Suite("Looking at topics", .timeLimit(.minutes(2)))
struct TopicReaderTests {
    private func reader(
        _ fixture: KafkaFixture, topic: String = "orders", properties: [(name: String, value: String)] = []
    ) throws -> TopicReader {
        try TopicReader(
            brokers: [fixture.kafka.bootstrapServers], properties: properties, topic: topic, logger: fixture.log.logger)
    }

    /// Values `0`, `1`, … a millisecond apart, over four partitions in turn.
    private func fill(_ fixture: KafkaFixture, _ numbers: Range<Int>) throws {
        let producer = try fixture.makeProducer()
        for number in numbers {
            try producer.produce(
                topic: "orders", partition: Int32(number % 4), value: Array("\(number)".utf8),
                timestampMilliseconds: 1_700_000_000_000 + Int64(number))
        }
        try producer.flush(timeoutMilliseconds: 20_000)
    }

    private func texts(_ records: [ConsumedRecord]) -> [String] {
        records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    @Test("The last records come over all partitions, in the order of their timestamps")
    func last() async throws {
        try await KafkaFixture.run { fixture in
            try fill(fixture, 0..<100)
            try await offPool { [self] in
                let reader = try reader(fixture)
                defer { reader.close() }
                #expect(texts(try reader.readLast(10, timeout: .seconds(60))) == (90..<100).map(String.init))
                #expect(texts(try reader.readLast(1_000, timeout: .seconds(60))) == (0..<100).map(String.init))
                #expect(try reader.readLast(0, timeout: .seconds(60)).isEmpty)
                let record = try #require(try reader.readLast(1, timeout: .seconds(60)).first)
                #expect(record.topic == "orders" && record.partition == 3 && record.recordOffset == 24)
                #expect(record.timestampMilliseconds == 1_700_000_000_099)
            }
        }
    }

    @Test("Records are copied whole; an empty topic has none")
    func content() async throws {
        try await KafkaFixture.run(topics: [("orders", 2), ("empty", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            try producer.produce(
                topic: "orders", partition: 0, key: Array("k".utf8), value: nil,
                headers: [("a", [1]), ("a", nil), ("b", [])], timestampMilliseconds: 1)
            try producer.produce(topic: "orders", partition: 1, value: [], timestampMilliseconds: 2)
            try producer.flush(timeoutMilliseconds: 20_000)
            try await offPool { [self] in
                let records = try reader(fixture).readLast(5, timeout: .seconds(60))
                try #require(records.count == 2)
                #expect(records[0].key == Array("k".utf8) && records[0].value == nil)
                #expect(records[0].headers.map(\.name) == ["a", "a", "b"])
                #expect(records[0].headers.map(\.value) == [[1], nil, []])
                #expect(records[1].key == nil && records[1].value == [] && records[1].headers.isEmpty)
                #expect(try reader(fixture, topic: "empty").readLast(5, timeout: .seconds(60)).isEmpty)
            }
        }
    }

    @Test(
        "Following begins where it is told and ends when it is told",
        arguments: [(TopicReader.Start.last(3), 97), (.beginning, 0), (.end, 100)])
    func follow(start: TopicReader.Start, first: Int) async throws {
        try await KafkaFixture.run { fixture in
            try fill(fixture, 0..<100)
            // Goes on until the reader has seen enough, since a test can't know when `end` is. Where the first records
            // are known, it waits for them: what comes before the reader looks is among the last, too.
            let hasBegun = Atomic<Bool>(start == .end)
            let feeding = Task {
                try await eventually("the reader to begin") { hasBegun.load(ordering: .relaxed) }
                var number = 100
                while !Task.isCancelled {
                    try fill(fixture, number..<(number + 4))
                    number += 4
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            let seen = try await offPool { [self] in
                let reader = try reader(fixture)
                defer { reader.close() }
                var seen: [ConsumedRecord] = []
                try reader.follow(from: start, timeout: .seconds(60)) { record in
                    hasBegun.store(true, ordering: .relaxed)
                    seen.append(record)
                    return seen.count < 120
                }
                return seen
            }
            feeding.cancel()
            _ = await feeding.result
            #expect(seen.count == 120)
            let numbers = texts(seen).compactMap { Int($0) }
            #expect(Set(numbers).count == 120)
            switch start {
            case .last: #expect(Array(numbers.prefix(3)) == [97, 98, 99] && numbers.dropFirst(3).allSatisfy { $0 >= 100 })
            case .beginning: #expect(numbers.contains(0))
            case .end: #expect(numbers.allSatisfy { $0 >= first })
            }
            for partition in 0..<4 {
                let offsets = seen.filter { $0.partition == Int32(partition) }.map(\.recordOffset)
                #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 + 1 == $1 })
            }
        }
    }

    @Test("A topic that isn't there is told, and not created by looking")
    func unknownTopic() async throws {
        try await KafkaFixture.run { fixture in
            try await offPool { [self] in
                let reader = try reader(fixture, topic: "nowhere")
                let error = #expect(throws: KafkaError.self) { _ = try reader.readLast(5, timeout: .seconds(60)) }
                #expect(error?.kind == .unknownTopic)
                #expect(error?.message.contains("nowhere") == true)
                let following = #expect(throws: KafkaError.self) {
                    try reader.follow(from: .end, timeout: .seconds(60)) { _ in false }
                }
                #expect(following?.kind == .unknownTopic)
                reader.close()
                reader.close()
                #expect(#expect(throws: KafkaError.self) { _ = try reader.readLast(5, timeout: .seconds(1)) }?.kind == .closed)
                let topics = try ClusterMetadata.topics(
                    brokers: [fixture.kafka.bootstrapServers], timeout: .seconds(60), logger: fixture.log.logger)
                #expect(topics.map(\.name) == ["orders"])
            }
        }
    }

    @Test("Brokers that aren't there are told in time")
    func noBrokers() async throws {
        try await KafkaFixture.run { fixture in
            try fixture.kafka.takeDown()
            try await offPool { [self] in
                let start = ContinuousClock.now
                let reader = try reader(fixture)
                for error in [
                    #expect(throws: KafkaError.self) { _ = try reader.readLast(5, timeout: .milliseconds(700)) },
                    #expect(throws: KafkaError.self) {
                        _ = try ClusterMetadata.topics(
                            brokers: [fixture.kafka.bootstrapServers], timeout: .milliseconds(700),
                            logger: fixture.log.logger)
                    },
                ] {
                    #expect(error?.kind == .timedOut)
                    #expect(error?.message.contains(fixture.kafka.bootstrapServers) == true)
                }
                reader.close()
                #expect(.now - start < .seconds(10))
            }
        }
    }

    @Test("Topics are listed with their partitions, internal ones marked; properties of either kind are fine")
    func list() async throws {
        try await KafkaFixture.run(topics: [("b", 2), ("a", 1), ("__consumer_offsets", 3)]) { fixture in
            let properties = [
                (name: "linger.ms", value: "1"), (name: "fetch.min.bytes", value: "1"),
                (name: "auto.offset.reset", value: "latest"), (name: "partition.assignment.strategy", value: "range"),
            ]
            try fixture.kafka.setTopicError("b", .topicAuthorizationFailed)
            try await offPool { [self] in
                let topics = try ClusterMetadata.topics(
                    brokers: [fixture.kafka.bootstrapServers], properties: properties, timeout: .seconds(60),
                    logger: fixture.log.logger)
                #expect(topics.map(\.name) == ["__consumer_offsets", "a", "b"])
                #expect(topics.map(\.isInternal) == [true, false, false])
                #expect(topics.prefix(2).map(\.partitionCount) == [3, 1])
                #expect(topics[1].problem == nil && topics[2].problem?.contains("authorization") == true)
                let reader = try reader(fixture, topic: "b", properties: properties)
                let error = #expect(throws: KafkaError.self) { _ = try reader.readLast(1, timeout: .seconds(60)) }
                #expect(error?.kind == .other && error?.message.contains("authorization") == true)
            }
            #expect(
                #expect(throws: KafkaError.self) { _ = try reader(fixture, properties: [("nonsense", "1")]) }?.kind
                    == .configuration)
        }
    }

    /// The embedded Kafka answers questions about times as if all records were older; the last ones tell that they aren't.
    @Test("Ranges are read to their end, those of a time from the first record that is as late")
    func ranges() async throws {
        try await KafkaFixture.run { fixture in
            try fill(fixture, 0..<100)
            try await offPool { [self] in
                let reader = try reader(fixture)
                defer { reader.close() }
                let all = try reader.extent(timeout: .seconds(60))
                #expect(all == [0: 0..<25, 1: 0..<25, 2: 0..<25, 3: 0..<25])
                let late = try reader.extent(since: 1_700_000_000_097, timeout: .seconds(60))
                // 96 is the last of partition 0, which is earlier.
                #expect(late[0] == 25..<25 && (1...3).allSatisfy { late[$0]?.upperBound == 25 && late[$0]?.isEmpty == false })
                #expect(try reader.extent(since: 1_800_000_000_000, timeout: .seconds(60)).values.allSatisfy(\.isEmpty))
                var seen: [ConsumedRecord] = []
                try reader.read([1: 20..<25, 3: 3..<5], patience: .seconds(60)) { record in
                    seen.append(record)
                    return true
                }
                #expect(seen.filter { $0.partition == 1 }.map(\.recordOffset) == [20, 21, 22, 23, 24])
                #expect(seen.filter { $0.partition == 3 }.map(\.recordOffset) == [3, 4] && seen.count == 7)
                try reader.read([1: 20..<25], patience: .seconds(60)) { record in
                    seen.append(record)
                    return false
                }
                #expect(seen.count == 8)
            }
        }
    }
}
