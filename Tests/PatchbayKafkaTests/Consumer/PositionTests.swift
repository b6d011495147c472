import Glibc
import Logging
import PatchbayKafka
import Synchronization
import TestSupport
import Testing

/// Where reading begins and goes on when the log isn't what it was: faults that only real brokers had shown.
@Suite("Positions", .timeLimit(.minutes(2))) struct PositionTests {
    private typealias Partition = ScriptedBroker.Partition

    /// The group had committed 20; retention deleted up to 35. With `latest`, the default, librdkafka applied the default
    /// for newcomers a second time when the fetch was out of range: 35 to 39, which were still there, were skipped, and
    /// nothing was told until the next record came, and then a wrong number.
    @Test("Records deleted while nobody read are counted, and reading goes on at the oldest one", arguments: ["latest", "earliest"])
    func deletedWhileStopped(reset: String) async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { script in
                script.logs[Partition("orders", 0)] = .init(35..<40)
                script.committed[Partition("orders", 0)] = 20
            }
            let consumer = scene.start(reset: reset)
            try await eventually("what is left arrives") { scene.seen.count >= 5 }
            #expect(scene.seen.offsets(partition: 0) == Array(35..<40))
            #expect(consumer.status.topics[0].recordsSkipped == 15)
            #expect(consumer.status.topics[0].recordsSkippedIsExact)
            let line = try #require(scene.log.lines.first { $0.message.contains("deleted at the broker") })
            #expect(line.metadata["from"] == "20" && line.metadata["to"] == "35" && line.metadata["exact"] == "true")
            try await eventually("no lag is left") { consumer.status.topics[0].assigned[0].lag == 0 }
            let assigned = try #require(scene.log.lines.first { $0.message == "partitions assigned" })
            #expect(assigned.metadata["starts"] == "orders[0] deleted at 35")
        }
    }

    /// Some of the offsets that are gone had no record any more before they were deleted: nobody can say how many.
    @Test("On compacted topics the number of deleted records is an upper bound")
    func deletedOfCompacted() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { script in
                script.policy = "compact,delete"
                script.logs[Partition("orders", 0)] = .init(35..<40)
                script.committed[Partition("orders", 0)] = 20
            }
            let consumer = scene.start(reset: "latest")
            try await eventually("what is left arrives") { scene.seen.count >= 5 }
            #expect(consumer.status.topics[0].recordsSkipped == 15)
            #expect(!consumer.status.topics[0].recordsSkippedIsExact)
            let line = try #require(scene.log.lines.first { $0.message.contains("deleted at the broker") })
            #expect(line.metadata["record_offsets"] == "15" && line.metadata["exact"] == "false")
        }
    }

    /// The same while it runs: the fetch behind the last record is out of range, and with `latest` everything up to the
    /// end was skipped.
    @Test("Records deleted under a running consumer are counted, and reading goes on at the oldest one")
    func deletedWhileRunning() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(0..<20) }
            scene.broker.script.withLock { $0.committed[Partition("orders", 0)] = 0 }
            let consumer = scene.start(reset: "latest")
            try await eventually("the first twenty arrive") { scene.seen.count >= 20 }
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(35..<40) }
            try await eventually("what is left arrives") { scene.seen.count >= 25 }
            #expect(scene.seen.offsets(partition: 0) == Array(0..<20) + Array(35..<40))
            try await eventually("it is counted") { consumer.status.topics[0].recordsSkipped == 15 }
        }
    }

    /// A topic that is deleted and created again at once has lower offsets. Its first records were skipped without a word,
    /// and librdkafka's timer committed nothing until the offsets had passed the old ones: a crash in between skipped or
    /// repeated everything.
    @Test("A recreated topic is read from its beginning, and its positions are committed though they are lower")
    func recreated() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { $0.logs[partition] = .init(0..<20) }
            scene.broker.script.withLock { $0.committed[partition] = 0 }
            let consumer = scene.start(reset: "latest")
            try await eventually("the first life is committed") { scene.broker.script.withLock { $0.committed[partition] } == 20 }
            scene.broker.script.withLock { script in
                script.logs[partition] = .init(0..<5, timestamp: 1_800_000_000_000)
                script.committed[partition] = nil
            }
            try await eventually("the second life arrives") { scene.seen.count >= 25 }
            #expect(scene.seen.offsets(partition: 0) == Array(0..<20) + Array(0..<5))
            try await eventually("its position is committed") { scene.broker.script.withLock { $0.committed[partition] } == 5 }
            #expect(consumer.status.topics[0].recreated == [0])
            #expect(consumer.status.topics[0].recordsSkipped == 0)
            let line = try #require(scene.log.lines.first { $0.message.contains("record offsets started over") })
            #expect(line.level == .warning && line.metadata["expected"] == "20" && line.metadata["continues_at"] == "0")
            try await eventually("no lag is left") { consumer.status.topics[0].assigned[0].lag == 0 }
        }
    }

    /// Nothing came of a recreated topic without records: the position stayed behind the end, and so did the commit.
    @Test("A recreated topic that is still empty is noticed, too")
    func recreatedEmpty() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { $0.logs[partition] = .init(0..<20) }
            scene.broker.script.withLock { $0.committed[partition] = 20 }
            let consumer = scene.start(reset: "latest")
            try await eventually("it stands at the end") { consumer.status.topics[0].assigned.first?.position == 20 }
            scene.broker.script.withLock { $0.logs[partition] = .init() }
            try await eventually("it stands at the beginning") { consumer.status.topics[0].assigned.first?.position == 0 }
            try await eventually("that is committed") { scene.broker.script.withLock { $0.committed[partition] } == 0 }
            scene.broker.script.withLock { $0.logs[partition]?.append(3) }
            try await eventually("its records arrive") { scene.seen.offsets(partition: 0) == [0, 1, 2] }
        }
    }

    /// A restart after the topic was recreated: the committed position lies behind the end.
    @Test("A position behind the end of the log is one of a former life")
    func recreatedWhileStopped() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(0..<5) }
            scene.broker.script.withLock { $0.committed[Partition("orders", 0)] = 20 }
            let consumer = scene.start(reset: "latest")
            try await eventually("everything arrives") { scene.seen.count >= 5 }
            #expect(scene.seen.offsets(partition: 0) == Array(0..<5))
            try await eventually("it is told") { consumer.status.topics[0].recreated == [0] }
        }
    }

    /// The marker that ends a transaction takes an offset that never comes as a record: lag stayed at 1 for ever, and at
    /// 500 after as many aborted records, with an alert.
    @Test("A partition that ends in markers of transactions has caught up")
    func markers() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { $0.logs[partition] = .init(0..<10) }
            scene.broker.script.withLock { $0.logs[partition]?.end = 12 }
            let consumer = scene.start(reset: "earliest")
            try await eventually("it has caught up") { consumer.status.topics[0].assigned.first?.position == 12 }
            try await eventually("no lag is left") { consumer.status.topics[0].assigned[0].lag == 0 }
            #expect(scene.seen.count == 10)
            try await eventually("the end is committed") { scene.broker.script.withLock { $0.committed[partition] } == 12 }
            #expect(consumer.status.topics[0].recordsSkipped == 0)

            // From now on nobody can say how many of the offsets that are deleted were records.
            scene.broker.script.withLock { $0.logs[partition] = .init(30..<31) }
            try await eventually("the next record arrives") { scene.seen.count == 11 }
            try await eventually("it is counted") { consumer.status.topics[0].recordsSkipped == 18 }
            #expect(!consumer.status.topics[0].recordsSkippedIsExact)
        }
    }

    /// Behind an open transaction nothing can be read: its records were lag, though nobody could have read them.
    @Test("Records behind an open transaction are no lag")
    func openTransaction() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { script in
                script.logs[partition] = .init(0..<30)
                script.logs[partition]?.stable = 10
            }
            let consumer = scene.start(reset: "earliest")
            try await eventually("the stable ones arrive") { scene.seen.count == 10 }
            try await eventually("no lag is left") { consumer.status.topics[0].assigned.first?.lag == 0 }
            #expect(consumer.status.topics[0].assigned[0].end == 10)
        }
    }

    /// While a quota holds back the answers to fetches, librdkafka knows nothing new of the log's end: 2,000 waiting
    /// records were a lag of 0, with health `ok`.
    @Test("A quota is told, and what waits meanwhile is lag")
    func throttled() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { script in
                script.logs[partition] = .init(0..<10)
                script.committed[partition] = 10
            }
            let consumer = scene.start(reset: "latest")
            try await eventually("it has caught up") { consumer.status.topics[0].assigned.first?.lag == 0 }
            scene.broker.script.withLock { script in
                script.throttleMilliseconds = 3_000
                script.logs[partition]?.append(2_000)
            }
            try await eventually("the lag is told") { consumer.status.topics[0].assigned[0].lag == 2_000 }
            try await eventually("the quota is told") { consumer.status.throttles == [1: 3_000] }
            #expect(consumer.status.throttledMilliseconds >= 3_000)
            #expect(scene.log.count(.notice, "quota is slowing this consumer down") == 1)
            scene.broker.script.withLock { $0.throttleMilliseconds = 0 }
            try await eventually("everything arrives") { scene.seen.count == 2_000 }
            try await eventually("its end is told") { consumer.status.throttles.isEmpty }
            #expect(scene.log.count(.info, "no longer slowing this consumer down") == 1)
        }
    }

    /// Partitions added while the group was away began at their end: what waited in them was skipped in silence.
    @Test("Partitions without a position in a topic that has others are read from their beginning")
    func added() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { script in
                for number in Int32(0)..<3 { script.logs[Partition("orders", number)] = .init(0..<10) }
                script.committed[Partition("orders", 0)] = 10
            }
            _ = scene.start(reset: "latest")
            try await eventually("what waits arrives") { scene.seen.count >= 20 }
            for number in Int32(1)..<3 { #expect(scene.seen.offsets(partition: number) == Array(0..<10)) }
            #expect(scene.seen.offsets(partition: 0).isEmpty)
            let assigned = try #require(scene.log.lines.first { $0.message == "partitions assigned" })
            #expect(assigned.metadata["starts"] == "orders[1-2] added at 0,0; orders[0] committed at 10")
        }
    }

    /// A group that was deleted, or expired, begins like a new one. Nobody was told that.
    @Test("A group without any position says where it begins and how much lies before", arguments: ["latest", "earliest"])
    func newGroup(reset: String) async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(5..<45) }
            let consumer = scene.start(reset: reset)
            try await eventually("the start is told") { consumer.status.topics[0].withoutPosition == [0] }
            #expect(consumer.status.topics[0].recordsBeforeStart == (reset == "latest" ? 40 : 0))
            let lines = scene.log.lines.filter { $0.message == "the group has no committed offset in this topic" }
            #expect(lines.count == 1 && lines[0].level == .notice)
            #expect(lines[0].metadata["begins"] == "\(reset)")
            #expect(lines[0].metadata["records_before"] == (reset == "latest" ? "40" : "0"))
            // So that a crash before the first record doesn't decide again.
            try await eventually("the position is committed") {
                scene.broker.script.withLock { $0.committed[Partition("orders", 0)] } == 45
            }
        }
    }

    /// A new group that was killed before its first commit, up to a second after the start, began at the end once more and
    /// skipped what had come in between.
    @Test("Where a new group begins is committed at once")
    func startIsCommitted() async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(5..<45) }
            _ = scene.start(reset: "latest", commitsEvery: 3_600_000)
            try await eventually("the start is committed") {
                scene.broker.script.withLock { $0.committed[Partition("orders", 0)] } == 45
            }
        }
    }

    /// Readiness came with the assignment; the brokers had not yet said where it begins, so what was written until then
    /// lay before the start.
    @Test("Without a start nothing counts as being read")
    func withheldStart() async throws {
        try await Scene.run { scene in
            let partition = Partition("orders", 0)
            scene.broker.script.withLock { script in
                script.logs[partition] = .init(0..<10)
                script.withholdsOffsets = true
            }
            let consumer = scene.start(reset: "latest")
            try await eventually("the partition is assigned") { consumer.status.topics[0].assigned.count == 1 }
            #expect(consumer.status.topics[0].assigned[0].position == nil)
            #expect(consumer.status.state == .waitingForAssignment)
            let turn = consumer.status.lastLoopTurn
            try await eventually("the thread goes round meanwhile") { consumer.status.lastLoopTurn > turn + .milliseconds(200) }
            scene.broker.script.withLock { $0.withholdsOffsets = false }
            try await eventually("the start is known") { consumer.status.state == .consuming }
            #expect(consumer.status.topics[0].assigned[0].position == 10)
        }
    }

    /// An operator who started Patchbay first and then created the topic was told that the topic had been deleted and created again.
    @Test("A topic that wasn't there yet is created, not recreated")
    func createdLater() async throws {
        try await Scene.run { scene in
            let consumer = scene.start(reset: "latest")
            try await eventually("that it is missing is told") { consumer.status.topics[0].problem != nil }
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = .init(0..<10) }
            try await eventually("it is read from its beginning") { scene.seen.count == 10 }
            #expect(consumer.status.topics[0].recreated.isEmpty)
            let assigned = try #require(scene.log.lines.first { $0.message == "partitions assigned" })
            #expect(assigned.metadata["starts"] == "orders[0] created at 0")
        }
    }

    /// One broker that hung and led ten partitions kept every partition of the cluster from being read: librdkafka answers for all
    /// or for none, and what was left of the time for asking one by one was used up by the silent ones. Then all counted as
    /// refused, and the node as ready.
    @Test("A broker that doesn't answer costs its own partitions and no others")
    func oneMuteBroker() async throws {
        let mute = try ListeningSocket()
        defer { close(mute.descriptor) }
        try await Scene.run { scene in
            scene.broker.script.withLock { script in
                for number in Int32(0)..<16 {
                    script.logs[Partition("orders", number)] = .init(0..<10)
                    if number >= 2 { script.ledByMute.insert(Partition("orders", number)) }
                }
                script.mutePort = UInt16(mute.port)
            }
            let consumer = scene.start(reset: "earliest")
            try await eventually("the others are read", timeout: .seconds(60)) { scene.seen.count == 20 }
            #expect(consumer.status.topics[0].assigned.filter { $0.position == nil }.map(\.partition) == Array(2..<16))
            // How far behind they are stays known, too.
            scene.broker.script.withLock { $0.logs[Partition("orders", 1)]?.append(5) }
            try await eventually("the end is known", timeout: .seconds(60)) { consumer.status.topics[0].assigned[1].end == 15 }
            try await eventually("what lasts is told", timeout: .seconds(60)) { consumer.status.topics[0].assigned[2].isRefused }
            #expect(!consumer.status.topics[0].assigned[0].isRefused)
        }
    }

    /// A topic that was just created has partitions whose leader is still being elected: that is no reason to call the
    /// node ready, as it would be for a partition that the brokers refuse for good.
    @Test("A partition without a leader is waited for; one that is refused is told", arguments: [6, 29] as [Int16])
    func refusedStart(error: Int16) async throws {
        try await Scene.run { scene in
            scene.broker.script.withLock { script in
                script.logs[Partition("orders", 0)] = .init(0..<10)
                script.offsetsError = error
            }
            let consumer = scene.start(reset: "earliest")
            try await eventually("the partition is assigned") { consumer.status.topics[0].assigned.count == 1 }
            if error == 29 {
                try await eventually("the refusal is told") { consumer.status.topics[0].assigned[0].isRefused }
                #expect(consumer.status.topics[0].problem?.contains("Topic authorization failed") == true)
            } else {
                let turn = consumer.status.lastLoopTurn
                try await eventually("it is asked again") { consumer.status.lastLoopTurn > turn + .milliseconds(500) }
                #expect(!consumer.status.topics[0].assigned[0].isRefused && consumer.status.topics[0].problem == nil)
            }
            scene.broker.script.withLock { $0.offsetsError = 0 }
            try await eventually("it is read") { scene.seen.count == 10 }
            #expect(consumer.status.topics[0].problem == nil)
            #expect(scene.log.count(.warning, "topic can't be read yet") == (error == 29 ? 1 : 0))
        }
    }

    /// Once its topic was deleted, the last commit could never succeed, and `/health` stayed degraded over it.
    @Test("A commit that fails for a partition that is given up is no lasting trouble")
    func commitOfGoneTopic() async throws {
        try await Scene.run(topics: ["orders", "other"]) { scene in
            scene.broker.script.withLock { script in
                script.logs[Partition("orders", 0)] = .init(0..<10)
                script.logs[Partition("other", 0)] = .init()
                script.commitError = 3
            }
            let consumer = scene.start(reset: "earliest")
            try await eventually("the refusal is told") { consumer.status.commitProblem != nil }
            scene.broker.script.withLock { $0.logs[Partition("orders", 0)] = nil }
            try await eventually("the topic is given up") { consumer.status.topics[0].assigned.isEmpty }
            scene.broker.script.withLock { $0.commitError = 0 }
            try await eventually("nothing is left to complain about") { consumer.status.commitProblem == nil }
            // Deleted for good, and back: nothing of the former life counts.
            scene.broker.script.withLock { script in
                script.committed = script.committed.filter { $0.key.topic != "orders" }
                script.logs[Partition("orders", 0)] = .init(0..<30, timestamp: 1_800_000_000_000)
            }
            try await eventually("the new topic arrives") { scene.seen.count(of: "orders") >= 40 }
            #expect(scene.seen.offsets(partition: 0) == Array(0..<10) + Array(0..<30))
        }
    }

    /// A scripted broker and what a test does with it.
    private final class Scene: Sendable {
        let broker: ScriptedBroker
        let topics: [String]
        let seen = SeenRecords()
        let log = LogBook()

        private init(_ topics: [String]) throws {
            broker = try ScriptedBroker()
            self.topics = topics
        }

        static func run(topics: [String] = ["orders"], _ body: (Scene) async throws -> Void) async throws {
            let scene = try Scene(topics)
            defer { scene.broker.close() }
            var thrown: (any Error)?
            do { try await body(scene) } catch { thrown = error }
            for consumer in scene.started.withLock({ $0 }) { await consumer.stop() }
            if let thrown { throw thrown }
        }

        private let started = Mutex<[ConsumerThread]>([])

        func start(reset: String, commitsEvery milliseconds: Int = 100) -> ConsumerThread {
            let consumer = ConsumerThread(
                configuration: ConsumerConfiguration(
                    brokers: [broker.address], groupID: "scripted", topics: topics,
                    properties: [
                        ("auto.offset.reset", reset), ("topic.metadata.refresh.interval.ms", "500"),
                        ("topic.metadata.propagation.max.ms", "1000"), ("auto.commit.interval.ms", "\(milliseconds)"),
                    ],
                    pollTimeoutMilliseconds: 20),
                logger: log.logger, makeProcessor: { [seen] in seen.makeProcessor() })
            started.withLock { $0.append(consumer) }
            consumer.start()
            return consumer
        }
    }
}
