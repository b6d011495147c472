import Logging
import PatchbayAPI
import Synchronization
import TestSupport
import Testing

@testable import PatchbayKafka

/// Getting rid of clients.
@Suite("Disposal of clients", .serialized, .timeLimit(.minutes(2))) struct DisposalTests {
    /// After partitions were lost to a deleted topic, a thread inside librdkafka never ended, and destroying the client
    /// waited for it: a stop hung for ten seconds and a reload paused everybody as long, while the log claimed that
    /// records would come again that had been committed. A destruction that never ends holds nobody up.
    @Test func aDestructionThatDoesNotEndHoldsNobodyUp() async throws {
        let log = LogBook()
        let mayEnd = Atomic(false)
        let before = ClientDisposal.closing
        let isGone = await withCheckedContinuation { continuation in
            _ = startThread {
                continuation.resume(
                    returning: ClientDisposal.run("consumer", patience: .milliseconds(50), logger: log.logger) {
                        while !mayEnd.load(ordering: .acquiring) { Pause.milliseconds(1) }
                    })
            }
        }
        #expect(!isGone)
        // Ours; those of other tests come and go.
        #expect(ClientDisposal.closing >= 1)
        #expect(log.count(.info, "a Kafka client is still closing in the background") == 1)
        #expect(log.count(.info, "closed now") == 0)
        mayEnd.store(true, ordering: .releasing)
        try await eventually("it to be told that the client is gone") {
            log.count(.info, "a Kafka client that was slow to close has now closed") == 1
        }
        try await eventually("it to be counted no more") { ClientDisposal.closing <= before }
    }

    @Test func aDestructionThatEndsInTimeIsNotWorthALine() async throws {
        let log = LogBook()
        let isGone = await withCheckedContinuation { continuation in
            _ = startThread {
                continuation.resume(
                    returning: ClientDisposal.run("producer", patience: .seconds(60), logger: log.logger) {})
            }
        }
        #expect(isGone && log.lines.isEmpty)
    }

    @Test func aConsumerWhoseTopicWasDeletedStopsAndClaimsNothingFalse() async throws {
        try await KafkaFixture.run(topics: [("orders", 4), ("gone", 2)]) { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "deleted", topics: ["orders", "gone"], into: seen)
            try fixture.produce(0..<40, with: producer)
            try fixture.produce(0..<10, topic: "gone", partitions: 2, with: producer)
            try await eventually("records arrive") { seen.count == 50 }
            try fixture.kafka.setTopicError("gone", .unknownTopicOrPartition)
            try await eventually("the topic is given up") {
                consumer.status.topics.contains { $0.topic == "gone" && ($0.assigned.isEmpty || $0.problem != nil) }
            }
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
            #expect(fixture.log.count(.error, "didn't end within") == 0)
        }
    }

    /// A stop that gave up claimed that records would be read again which had been committed. Only while a batch is being
    /// processed is that so. Takes the ten seconds that a stop waits.
    @Test func aStopThatGivesUpSaysThatABatchIsStillBeingProcessed() async throws {
        try await KafkaFixture.run { fixture in
            let (isProcessing, mayEnd) = (Flag(), Flag())
            defer { mayEnd.set() }
            let seen = SeenRecords()
            seen.refuse { _ in
                isProcessing.set()
                while !mayEnd.isSet { Pause.milliseconds(1) }
                return false
            }
            let consumer = fixture.startConsumer(group: "stubborn", into: seen)
            try fixture.produce(0..<1, with: try fixture.makeProducer())
            try await eventually("the record to be processed") { isProcessing.isSet }
            await consumer.stop()
            #expect(fixture.log.count(.error, "a batch is still being processed, and its records will be read again") == 1)
            #expect(fixture.log.count(.warning, "what it processed is committed") == 0)
            mayEnd.set()
            try await eventually("it to end") { consumer.status.state == .stopped }
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    @Test(arguments: [
        (Duration.milliseconds(7), "7 ms"), (.milliseconds(999), "999 ms"), (.milliseconds(1000), "1.0 s"),
        (.nanoseconds(12_345_678_901), "12.3 s"), (.seconds(245), "4 min 5 s"), (.seconds(7800), "2 h 10 min"), (.zero, "0 ms"),
        (.milliseconds(-1500), "-1.5 s"),
    ])
    func durationsReadWell(_ duration: Duration, _ text: String) { #expect(duration.readable == text) }
}
