import Logging
import PatchbayKafka
import Synchronization
import TestSupport
import Testing

@Suite("Changing topics under load", .timeLimit(.minutes(5))) struct TopicChangeTests {
    @Test("A stream runs through changes of other topics; these come back where they were left")
    func streamThroughChanges() async throws {
        let others = ["x1", "x2", "x3"]
        try await KafkaFixture.run(topics: [("stream", 2)] + others.map { ($0, 1) }) { fixture in
            // The embedded brokers answer a Fetch with one produced batch, so small ones make catching up slow.
            let producer = try fixture.makeProducer([("linger.ms", "20")])
            let wantsMore = Mutex(true)
            let load = Task {
                var total = 0
                while wantsMore.withLock({ $0 }) {
                    for _ in 0..<100 {
                        try producer.produce(topic: "stream", partition: Int32(total % 2), value: "\(total)")
                        for topic in others { try producer.produce(topic: topic, partition: 0, value: "\(total)") }
                        total += 1
                    }
                    try await Task.sleep(for: .milliseconds(30))
                }
                try producer.flush(timeoutMilliseconds: 30_000)
                return total
            }
            let seen = SeenRecords()
            // As the router does: records of a topic that no route takes any more are not taken.
            let routed = Mutex<Set<String>>(["stream", "x1"])
            seen.refuse { record in !routed.withLock { $0.contains(record.topic) } }
            let consumer = fixture.startConsumer(group: "reload", topics: ["stream", "x1"], into: seen)
            try await eventually("the stream runs") { seen.count(of: "stream") > 0 && seen.count(of: "x1") > 0 }
            func change(to topics: [String]) async throws {
                routed.withLock { $0 = Set(topics) }
                consumer.updateTopics(topics)
                let before = seen.count(of: "stream")
                try await eventually("the stream goes on with \(topics)") { seen.count(of: "stream") > before + 100 }
            }
            for turn in 0..<24 {
                try await change(to: ["stream"] + others.enumerated().filter { ($0.offset + turn) % 3 != 0 }.map(\.element))
                if turn % 8 == 7 {
                    try await eventually("the group follows") {
                        consumer.status.topics.allSatisfy { !$0.assigned.isEmpty && !$0.isHalted }
                    }
                }
            }
            try await change(to: ["stream"] + others)
            wantsMore.withLock { $0 = false }
            let total = try await load.value
            do {
                // Under a sanitizer the embedded brokers, a produced batch an answer, take their time.
                try await eventually("everything arrives", timeout: .seconds(200)) {
                    (["stream"] + others).allSatisfy { seen.count(of: $0) >= total }
                }
            } catch {
                // How far it came tells slowness from loss.
                Issue.record("\((["stream"] + others).map { "\($0): \(seen.count(of: $0)) of \(total)" }); \(consumer.status.topics)")
                throw error
            }
            // The group never took the stream away, as it would with the eager strategies.
            let revoked = fixture.log.lines.filter { $0.message == "partitions revoked" }
            #expect(!revoked.isEmpty)
            #expect(!revoked.contains { "\($0.metadata["partitions"] ?? "")".contains("stream") })
            await consumer.stop()
            for partition in 0..<2 {
                #expect(seen.offsets("stream", partition: Int32(partition)) == Array(0..<Int64(total / 2)))
            }
            for topic in others { #expect(seen.offsets(topic, partition: 0) == Array(0..<Int64(total)), "\(topic)") }
        }
    }

    /// A commit that was sent while the group formed again cost the whole assignment: the broker refuses it for its old generation,
    /// and librdkafka then gives up every partition as lost. In the demo each topic that was added stopped all others for two
    /// seconds.
    @Test("Commits don't cost the assignment while topics change")
    func commitsWhileTheGroupChanges() async throws {
        try await KafkaFixture.run(topics: [("stream", 2), ("x1", 1), ("x2", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            let wantsMore = Mutex(true)
            let load = Task.detached {
                var number = 0
                while wantsMore.withLock({ $0 }) {
                    try producer.produce(topic: "stream", partition: Int32(number % 2), value: "\(number)")
                    number += 1
                    try await Task.sleep(for: .milliseconds(2))
                }
                return number
            }
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(
                group: "commits", topics: ["stream"], into: seen, properties: [("auto.commit.interval.ms", "20")])
            try await eventually("the stream runs") { seen.count(of: "stream") > 100 }
            for topics in [["stream", "x1"], ["stream", "x1", "x2"], ["stream", "x2"], ["stream"], ["stream", "x1"]] {
                consumer.updateTopics(topics)
                try await eventually("the group follows to \(topics)") {
                    consumer.status.topics.map(\.topic) == topics && consumer.status.topics.allSatisfy { !$0.assigned.isEmpty }
                }
                let before = seen.count(of: "stream")
                try await eventually("the stream goes on") { seen.count(of: "stream") > before + 100 }
            }
            wantsMore.withLock { $0 = false }
            let total = try await load.value
            try await eventually("everything arrives") { seen.count(of: "stream") >= total }
            await consumer.stop()
            #expect(fixture.log.count(.warning, "partitions lost") == 0, "\(fixture.log.lines)")
            #expect(fixture.log.count(.warning, "can't be committed") == 0)
            #expect(seen.count(of: "stream") == total)
        }
    }

    @Test("What comes while nobody takes a topic is there when it is subscribed again, also by another process")
    func comesBack() async throws {
        try await KafkaFixture.run(topics: [("a", 1), ("b", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "back", topics: ["a", "b"], into: seen, reset: "latest")
            try await eventually("both are assigned, and it is known where") {
                consumer.status.topics.allSatisfy { $0.assigned.first?.position == 0 }
            }
            seen.refuse { $0.topic == "b" }
            try fixture.produce(0..<50, topic: "b", partitions: 1, with: producer)
            try await eventually("b is halted") { consumer.status.topics[1].isHalted }
            consumer.updateTopics(["a"])
            try await eventually("b is given up") { consumer.status.topics.map(\.topic) == ["a"] }
            try fixture.produce(50..<100, topic: "b", partitions: 1, with: producer)
            try fixture.produce(0..<10, topic: "a", partitions: 1, with: producer)
            try await eventually("a is read") { seen.count(of: "a") == 10 }

            seen.refuse { $0.topic == "b" && $0.offset >= 70 }
            consumer.updateTopics(["a", "b"])
            try await eventually("b is read up to the next refusal") { seen.count(of: "b") >= 70 }
            await consumer.stop()
            seen.takeAll()
            _ = fixture.startConsumer(group: "back", topics: ["a", "b"], into: seen, reset: "latest")
            try await eventually("the rest arrives") { seen.count(of: "b") >= 100 }
            #expect(seen.offsets("b", partition: 0) == Array(0..<100))
            #expect(seen.offsets("a", partition: 0) == Array(0..<10))
        }
    }

    @Test("Stopping while a change of topics waits for the group doesn't end the process")
    func stopDuringChange() async throws {
        try await KafkaFixture.run(topics: [("a", 1), ("b", 1), ("c", 1)]) { fixture in
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "during", topics: ["a"], into: seen)
            try await eventually("a is assigned") { consumer.assignedPartitions == [0] }
            for topics in [["a", "b"], ["a", "b", "c"]] {
                consumer.updateTopics(topics)
                try await eventually("it is taken up") { consumer.status.topics.map(\.topic) == topics }
            }
            await consumer.stop()
            #expect(consumer.status.state == .stopped)
        }
    }

    /// librdkafka 2.0 ended the process (`rd_kafka_cgrp_modify_subscription: Assertion ... failed`) when the topics
    /// changed while a member that its group had forgotten was on its way back in. Seen when a machine stood still for
    /// longer than the session timeout and the file changed meanwhile.
    @Test("Topics may change while a forgotten member comes back to its group")
    func changeWhileJoiningAgain() async throws {
        try await KafkaFixture.run(topics: [("a", 1), ("b", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try fixture.produce(0..<10, topic: "b", partitions: 1, with: producer)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "again", topics: ["a"], into: seen)
            try await eventually("a is assigned") { consumer.assignedPartitions == [0] }
            let unknownMember = KafkaErrorCode(rawValue: 25)
            try fixture.kafka.failNext(.heartbeat, with: [unknownMember])
            try await eventually("the group to have forgotten it") { fixture.log.count(.warning, "lost") > 0 }
            // Again and again, with topics that librdkafka has to ask for: it only tripped at some of the stations on the
            // way back.
            let round = Mutex(0)
            try await eventually("the change to have been looked at") {
                let number = round.withLock { round in
                    round += 1
                    return round
                }
                consumer.updateTopics(["a", "missing-\(number)"])
                return fixture.log.count(.info, "waits until this member has rejoined the group") > 0
            }
            consumer.updateTopics(["a", "b"])
            try await eventually("what b holds arrives") { seen.count(of: "b") == 10 }
            #expect(seen.offsets("b", partition: 0) == Array(0..<10))
            await consumer.stop()
        }
    }
}
