import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayKafka

/// `^.*` took `__consumer_offsets` as well: each commit became a record, whose offset was committed, once a second for
/// ever. Internal topics are only taken by patterns that name them.
@Suite("Internal topics") struct InternalTopicTests {
    private static let names = ["__consumer_offsets", "__transaction_state", "__a", "__ab", "__", "__a.b", "_a", "a", "a__b"]

    /// What librdkafka leaves out of its metadata, and therefore out of every pattern.
    private func leftOut(_ subscription: [String]) -> [String] {
        let parts = InternalTopics.blacklist(for: subscription)?.split(separator: ",").compactMap { try? TopicPattern(String($0)) }
        return Self.names.filter { name in parts?.contains { $0.matches(name) } == true }
    }

    private var allInternal: [String] { Self.names.filter { $0.hasPrefix("__") } }

    @Test func patternsLeaveThemOutUnlessTheyNameThem() {
        #expect(InternalTopics.blacklist(for: ["a", "__consumer_offsets"]) == nil)
        #expect(leftOut(["^.*"]) == allInternal)
        #expect(leftOut(["^a", "^_"]) == allInternal)
        #expect(leftOut(["^__.*"]).isEmpty)
        #expect(leftOut(["^.*", "^__"]).isEmpty)
        #expect(leftOut(["^.*", "^__consumer_offsets$"]) == allInternal.filter { $0 != "__consumer_offsets" })
        // A topic by name is read beside a pattern that must not take it or others.
        #expect(leftOut(["^.*", "__a"]) == allInternal.filter { $0 != "__a" })
        #expect(leftOut(["^.*", "__a.b", "__ab"]) == allInternal.filter { $0 != "__a.b" && $0 != "__ab" })
        // What stands before a quantifier may be missing, and alternatives may begin with anything.
        #expect(leftOut(["^.*", "^__ab?$"]) == ["__consumer_offsets", "__transaction_state", "__"])
        #expect(leftOut(["^__a|b"]).isEmpty)
    }

    @Test func selectorsAgree() throws {
        let all = try TopicPattern("^.*")
        let some = try TopicPattern("^__a")
        #expect(Self.names.filter(all.matches) == ["_a", "a", "a__b"])
        #expect(Self.names.filter(some.matches) == ["__a", "__ab", "__a.b"])
        #expect(TopicSelector.name("__consumer_offsets").matches("__consumer_offsets"))
    }

    @Test(.timeLimit(.minutes(2))) func aConsumerOfEverythingLeavesThemOutUntilTheyAreNamed() async throws {
        try await KafkaFixture.run(topics: [("orders", 1), ("__consumer_offsets", 1)]) { fixture in
            let producer = try fixture.makeProducer()
            try producer.produce(topic: "__consumer_offsets", value: "internal")
            try producer.produce(topic: "orders", value: "1")
            try producer.flush(timeoutMilliseconds: 10_000)
            let seen = SeenRecords()
            let consumer = fixture.startConsumer(group: "all", topics: ["^.*"], into: seen)
            try await eventually("the record") { seen.values == ["1"] }
            #expect(!consumer.status.topics.contains { $0.topic == "__consumer_offsets" })
            consumer.updateTopics(["^.*", "^__consumer_offsets$"])
            try await eventually("the internal record") { seen.values.sorted() == ["1", "internal"] }
            #expect(consumer.status.recreations == 0)
        }
    }
}
