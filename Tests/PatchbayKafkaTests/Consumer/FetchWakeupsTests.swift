import CLibRDKafka
import TestSupport
import Testing

@testable import PatchbayKafka

/// The story: a server with `trade` read a backlog of a million records at a third of the speed of a bare consumer, on idle processors. A
/// reader slower than the broker fills librdkafka's queue; before 2.3.0 the thread that fetches then looks again only when its connection
/// has something for it, or after a second, and the queue is empty long before.
@Suite("Waking librdkafka's fetches", .timeLimit(.minutes(2)))
struct FetchWakeupsTests {
    private let start = ContinuousClock.now
    private var wakeups = FetchWakeups()

    /// - Returns: the milliseconds at which it was due, of queues of these lengths every 5 ms, to which nothing comes as they shrink.
    private mutating func due(_ lengths: [Int], from first: Int = 0) -> [Int] {
        var due: [Int] = []
        var last = 0
        for (index, length) in lengths.enumerated() {
            let milliseconds = first + index * 5
            if wakeups.isDue(queued: length, taken: max(0, last - length), at: start + .milliseconds(milliseconds)) {
                due.append(milliseconds)
            }
            last = length
        }
        return due
    }

    @Test("Once at each half of a queue that runs empty")
    mutating func halves() {
        #expect(due([0, 80_000, 70_000, 60_000, 40_000, 39_000, 30_000, 25_000, 20_000, 12_000, 11_000]) == [20, 40])
    }

    @Test("Not more often than the interval, however fast it runs empty")
    mutating func interval() {
        #expect(due([80_000, 10_000, 4_000, 1_000, 0, 0, 0, 0, 0]) == [5, 25])
    }

    @Test("Not of a queue that grows, nor of a short one")
    mutating func quiet() {
        #expect(due([0, 10, 0, 900, 0, 5, 0]) == [])
        #expect(due([1_000, 5_000, 20_000, 20_000, 15_000], from: 100) == [])
    }

    @Test("After it has grown, half is half of that")
    mutating func growth() {
        #expect(due([80_000, 40_000, 120_000, 100_000, 70_000, 60_000, 50_000]) == [5, 25])
    }

    @Test("A queue that fills and runs empty between two looks counts as well")
    mutating func unseen() {
        let first = wakeups.isDue(queued: 0, taken: 1_500, at: start)
        let later = wakeups.isDue(queued: 0, taken: 0, at: start + .milliseconds(30))
        let next = wakeups.isDue(queued: 100, taken: 1_500, at: start + .milliseconds(60))
        #expect(first && !later && next)
    }

    /// Each fetch brings three batches or more, more than the queue may hold. Without being woken, a second passes after each of forty.
    @Test("A backlog is read without standing still, however small librdkafka's queue is")
    func backlog() async throws {
        try await KafkaFixture.run(topics: [("orders", 1)]) { fixture in
            let producer = try fixture.makeProducer([("batch.num.messages", "500"), ("linger.ms", "100")])
            try fixture.produce(0..<60_000, partitions: 1, with: producer)
            let seen = SeenRecords()
            _ = fixture.startConsumer(
                group: "backlog", into: seen,
                properties: [
                    ("queued.min.messages", "1000"), ("max.partition.fetch.bytes", "18000"),
                    // An answer to that wakes it as well.
                    ("topic.metadata.refresh.interval.ms", "300000"),
                ])
            try await eventually("all records arrive", timeout: .seconds(30)) { seen.count >= 60_000 }
            #expect(seen.values(partition: 0) == (0..<60_000).map(String.init))
        }
    }
}
