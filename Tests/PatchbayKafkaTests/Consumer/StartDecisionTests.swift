import Testing

@testable import PatchbayKafka

/// The rules of where reading begins, with plain values.
@Suite("Start decisions")
struct StartDecisionTests {
    private func decide(
        committed: Int64? = nil, left: Int64? = nil, topicHasPositions: Bool = false, isNew: Bool = false,
        wasGone: Bool = false, low: Int64 = 5, end: Int64 = 50, policy: OffsetResetPolicy = .latest
    ) -> StartDecision? {
        StartDecision(
            StartInputs(
                committed: committed, left: left, topicHasPositions: topicHasPositions, isNew: isNew, wasGone: wasGone,
                low: low, end: end, policy: policy))
    }

    @Test("A position is continued, whatever the default for newcomers")
    func resume() {
        for policy in [OffsetResetPolicy.latest, .earliest, .refuse] {
            #expect(decide(committed: 20, policy: policy) == StartDecision(offset: 20, reason: .committed))
        }
        // Further on when this thread had got further; never back.
        #expect(decide(committed: 20, left: 25)?.offset == 25)
        #expect(decide(committed: 20, left: 15)?.offset == 20)
        #expect(decide(left: 15) == StartDecision(offset: 15, reason: .committed))
        #expect(decide(committed: 50)?.offset == 50)
        #expect(decide(committed: 5)?.offset == 5)
    }

    @Test("Below the oldest record it is the oldest, and what is gone is counted")
    func deleted() {
        for policy in [OffsetResetPolicy.latest, .earliest, .refuse] {
            #expect(
                decide(committed: 20, low: 35, end: 40, policy: policy)
                    == StartDecision(offset: 35, reason: .deleted, deleted: 15))
        }
        #expect(decide(committed: 20, low: 40, end: 40) == StartDecision(offset: 40, reason: .deleted, deleted: 20))
        #expect(decide(committed: 20, left: 30, low: 35, end: 40)?.deleted == 5)
    }

    /// `end` may be the last stable offset, so this alone doesn't mean that the topic was recreated.
    @Test("Behind the end the first fetch decides")
    func behindTheEnd() {
        #expect(decide(committed: 70)?.offset == 70)
    }

    @Test("Without a position: new partitions and those of a topic that has others from the beginning, else the default")
    func newcomers() {
        #expect(decide(isNew: true) == StartDecision(offset: 5, reason: .created))
        #expect(decide(topicHasPositions: true) == StartDecision(offset: 5, reason: .added))
        #expect(decide(topicHasPositions: true, policy: .refuse) == StartDecision(offset: 5, reason: .added))
        #expect(decide() == StartDecision(offset: 50, reason: .latest, before: 45))
        #expect(decide(policy: .earliest) == StartDecision(offset: 5, reason: .earliest))
        #expect(decide(policy: .refuse) == nil)
    }

    @Test("After the topic was gone, what this thread had read of it means nothing")
    func gone() {
        #expect(decide(left: 20, wasGone: true) == StartDecision(offset: 5, reason: .recreated))
        #expect(decide(committed: 7, left: 20, wasGone: true)?.offset == 7)
    }

    @Test("librdkafka's spellings of the default")
    func spellings() {
        for value in ["earliest", "smallest", "beginning"] { #expect(OffsetResetPolicy(value) == .earliest) }
        for value in ["latest", "largest", "end"] { #expect(OffsetResetPolicy(value) == .latest) }
        #expect(OffsetResetPolicy(nil) == .latest && OffsetResetPolicy("error") == .refuse)
    }

    @Test("A jump is split into what was deleted and what never was; a step back means that offsets started over")
    func changes() {
        #expect(PositionChange(from: 20, to: 20, low: 0) == .none)
        #expect(PositionChange(from: 20, to: 35, low: 35) == .forward(deleted: 15, holes: 0))
        #expect(PositionChange(from: 20, to: 37, low: 35) == .forward(deleted: 15, holes: 2))
        #expect(PositionChange(from: 20, to: 22, low: 3) == .forward(deleted: 0, holes: 2))
        #expect(PositionChange(from: 20, to: 22, low: nil) == .forward(deleted: 0, holes: 2))
        // Deleted since: no more than was passed by.
        #expect(PositionChange(from: 20, to: 22, low: 90) == .forward(deleted: 2, holes: 0))
        #expect(PositionChange(from: 20, to: 0, low: 0) == .startedOver)
        #expect(PositionChange(from: 20, to: 19, low: nil) == .startedOver)
    }

    @Test("Many starts are one line")
    func description() {
        let starts = (0..<1_000).map {
            StartPositions.Start(
                partition: TopicPartition(topic: "t", number: Int32($0)),
                decision: StartDecision(offset: Int64($0), reason: $0 == 7 ? .added : .committed))
        }
        #expect(describeStarts(starts) == "t[7] added at 7; t[0-6,8-999] committed at 0,1,2,3,4,5,6,8,…")
    }
}
