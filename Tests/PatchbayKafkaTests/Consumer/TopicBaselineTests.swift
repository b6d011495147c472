import Testing

@testable import PatchbayKafka

@Suite("What was there before")
struct TopicBaselineTests {
    private let start = ContinuousClock.now

    @Test("Topics and partitions that come later are new")
    func later() {
        var baseline = TopicBaseline()
        let isKnown = baseline.subscribe(["a", "b", "^m"], at: start)
        #expect(!isKnown)
        baseline.learn(["a": 2, "m1": 1, "other": 1], at: start)
        #expect(!baseline.isIncomplete)
        baseline.learn(["a": 3, "b": 1, "m1": 2, "m2": 1], at: start + .seconds(1))
        #expect(baseline.existed("a", partition: 1) && !baseline.existed("a", partition: 2))
        #expect(!baseline.existed("b", partition: 0))
        #expect(baseline.existed("m1", partition: 0) && !baseline.existed("m1", partition: 1))
        #expect(!baseline.existed("m2", partition: 0))
    }

    @Test("A topic is measured by when it was subscribed to, not by when others were")
    func subscribedLater() {
        var baseline = TopicBaseline()
        _ = baseline.subscribe(["a"], at: start)
        baseline.learn(["a": 1], at: start)
        baseline.learn(["a": 1, "b": 1], at: start + .seconds(500))
        let isKnown = baseline.subscribe(["a", "b"], at: start + .seconds(510))
        #expect(isKnown)
        #expect(baseline.existed("b", partition: 0))
        // An old answer tells nothing about now.
        let isStillKnown = baseline.subscribe(["c"], at: start + .seconds(5_000))
        #expect(!isStillKnown && baseline.isIncomplete)
        #expect(baseline.existed("c", partition: 0))
        baseline.learn([:], at: start + .seconds(5_001))
        #expect(!baseline.existed("c", partition: 0))
        // Left out and back: no new topic.
        _ = baseline.subscribe(["a", "b"], at: start + .seconds(6_000))
        #expect(baseline.existed("b", partition: 0))
    }
}
