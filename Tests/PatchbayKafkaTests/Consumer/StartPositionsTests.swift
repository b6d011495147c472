import Testing

@testable import PatchbayKafka

/// What is asked, decided and told when partitions are assigned: with plain values. The rules for one partition are in
/// `StartDecisionTests`.
@Suite("Start positions")
struct StartPositionsTests {
    private let now = ContinuousClock.now
    private var starts = StartPositions(policy: .latest)

    private func partition(_ topic: String, _ number: Int32) -> TopicPartition { TopicPartition(topic: topic, number: number) }

    private func found(
        _ committed: Int64?, topicHasPositions: Bool = false, low: Int64 = 0, end: Int64 = 50
    ) -> StartPositions.Found {
        .init(committed: committed, topicHasPositions: topicHasPositions, low: low, end: end)
    }

    private func answer(_ question: StartPositions.Question, _ found: StartPositions.Found) -> StartPositions.Answer {
        .init(question: question, outcome: .found(found))
    }

    /// Assigns one partition and answers its question.
    private mutating func begin(_ topic: String, _ number: Int32, _ found: StartPositions.Found) -> [StartPositions.Action] {
        let questions = starts.assigned([partition(topic, number)])
        return starts.settle(questions.map { answer($0, found) })
    }

    private func decisions(_ actions: [StartPositions.Action]) -> [StartDecision] {
        actions.compactMap { if case .begin(let start, _) = $0 { start.decision } else { nil } }
    }

    @Test("A partition is handed over with its position, once that is known, and the start is committed soon")
    mutating func known() {
        let questions = starts.assigned([partition("orders", 0), partition("orders", 1)])
        #expect(starts.isAnyOpen && starts.openQuestions == Set(questions))
        let first = StartPositions.Start(partition: partition("orders", 0), decision: .init(offset: 20, reason: .committed))
        #expect(
            starts.settle([answer(questions[0], found(20))])
                == [.begin(first, found(20)), .hand([first.partition]), .commitSoon, .tellAssigned([first])])
        #expect(starts.isAnyOpen && starts.openQuestions == [questions[1]])
        _ = starts.settle([answer(questions[1], found(7))])
        #expect(!starts.isAnyOpen && starts.openQuestions.isEmpty)
        // An answer that comes twice changes nothing.
        #expect(starts.settle([answer(questions[1], found(9))]) == [])
    }

    @Test("Answers to an earlier assignment, and to a partition that was given up, count for nothing")
    mutating func lateAnswers() {
        let earlier = starts.assigned([partition("orders", 0)])[0]
        starts.gaveUp(partition("orders", 0), at: nil)
        #expect(!starts.isAnyOpen)
        #expect(starts.settle([answer(earlier, found(20))]) == [])
        let later = starts.assigned([partition("orders", 0)])[0]
        #expect(later != earlier)
        #expect(starts.settle([answer(earlier, found(20))]) == [])
        #expect(starts.isAnyOpen)
        #expect(decisions(starts.settle([answer(later, found(30))])).map(\.offset) == [30])
    }

    @Test("What brokers refuse is told, and waits for another answer")
    mutating func refused() {
        let question = starts.assigned([partition("orders", 0)])[0]
        #expect(
            starts.settle([.init(question: question, outcome: .refused("no leader"))])
                == [.refuse(partition("orders", 0), reason: "the brokers don't say where reading begins: no leader")])
        #expect(starts.isAnyOpen)
        #expect(decisions(starts.settle([answer(question, found(3))])).map(\.offset) == [3])
    }

    @Test("With `auto.offset.reset: error` a group without a position doesn't begin, and isn't asked about again")
    mutating func policyRefuses() {
        starts = StartPositions(policy: .refuse)
        let question = starts.assigned([partition("orders", 0)])[0]
        #expect(
            starts.settle([answer(question, found(nil))])
                == [
                    .refuse(
                        partition("orders", 0), reason: "the group has no committed offset in it, and `auto.offset.reset` is `error`")
                ])
        #expect(!starts.isAnyOpen)
        #expect(starts.settle([answer(question, found(3))]) == [])
        // Until the group hands it out again.
        #expect(decisions(begin("orders", 0, found(3))).map(\.offset) == [3])
    }

    @Test("A group without a position is told, once for each topic")
    mutating func newcomers() {
        let questions = starts.assigned([partition("b", 0), partition("a", 1), partition("a", 0)])
        let actions = starts.settle(questions.map { answer($0, found(nil, low: 10, end: 50)) })
        let told = actions.filter { if case .tellNewcomers = $0 { true } else { false } }
        #expect(
            told == [
                .tellNewcomers(topic: "a", partitions: [1, 0], begins: .latest, before: 80),
                .tellNewcomers(topic: "b", partitions: [0], begins: .latest, before: 40),
            ])
    }

    @Test("Records that were deleted before they were read are told with their range")
    mutating func deleted() {
        let actions = begin("orders", 0, found(20, low: 35))
        #expect(actions.contains(.tellDeleted(partition("orders", 0), from: 20, to: 35)))
        #expect(decisions(actions) == [StartDecision(offset: 35, reason: .deleted, deleted: 15)])
    }

    @Test("A partition that comes back goes on where this thread left it, also when the commit came too late")
    mutating func leftAt() {
        _ = begin("orders", 0, found(20))
        starts.gaveUp(partition("orders", 0), at: 27)
        #expect(decisions(begin("orders", 0, found(20))).map(\.offset) == [27])
        // Where it never got to read, nothing is remembered; and what was remembered counts once.
        starts.gaveUp(partition("orders", 0), at: nil)
        #expect(decisions(begin("orders", 0, found(20))).map(\.offset) == [20])
    }

    @Test("A topic that was gone begins at its oldest record, once, in all its partitions")
    mutating func gone() {
        _ = begin("orders", 0, found(20))
        _ = begin("orders", 1, found(20))
        for number in [Int32(0), 1] { starts.gaveUp(partition("orders", number), at: 30) }
        starts.topicIsGone("orders", wasThere: false)
        let questions = starts.assigned([partition("orders", 0), partition("orders", 1)])
        #expect(decisions(starts.settle([answer(questions[0], found(nil, low: 2))])) == [.init(offset: 2, reason: .recreated)])
        #expect(decisions(starts.settle([answer(questions[1], found(nil, low: 3))])) == [.init(offset: 3, reason: .recreated)])
        // That was about the former life.
        for number in [Int32(0), 1] { starts.gaveUp(partition("orders", number), at: nil) }
        #expect(decisions(begin("orders", 1, found(nil))).map(\.reason) == [.latest])
    }

    @Test("A topic that never was there isn't gone")
    mutating func neverThere() {
        starts.topicIsGone("orders", wasThere: false)
        #expect(decisions(begin("orders", 0, found(nil))).map(\.reason) == [.latest])
        starts.gaveUp(partition("orders", 0), at: nil)
        starts.topicIsGone("orders", wasThere: true)
        #expect(decisions(begin("orders", 0, found(nil))).map(\.reason) == [.recreated])
    }

    @Test("A topic that came into being since it was asked for is read from its beginning")
    mutating func created() {
        _ = starts.baseline.subscribe(["orders"], at: now)
        starts.baseline.learn(["orders": 1], at: now)
        #expect(decisions(begin("orders", 0, found(nil))).map(\.reason) == [.latest])
        #expect(decisions(begin("orders", 1, found(nil))).map(\.reason) == [.created])
        #expect(decisions(begin("orders", 0, found(nil, topicHasPositions: true))).map(\.reason) == [.added])
    }
}
