import Testing

@testable import PatchbayCore

/// Dead letters under way: what must not be committed, and when a topic is paused.
@Suite struct PendingLettersTests {
    private let start = ContinuousClock.now

    @Test func nothingIsCommittedFromTheFirstLetterOfEachPartitionOn() {
        let letters = PendingLetters()
        #expect(letters.isEmpty && letters.lowestOffsets(from: "t").isEmpty)
        let first = letters.begin(from: "t", partition: 0, offset: 7, to: "dead", at: start)
        let second = letters.begin(from: "t", partition: 0, offset: 9, to: "dead", at: start)
        let third = letters.begin(from: "t", partition: 3, offset: 2, to: "dead", at: start)
        // Read again after a rebalance: the same record has two letters.
        let again = letters.begin(from: "t", partition: 0, offset: 7, to: "dead", at: start)
        #expect(letters.lowestOffsets(from: "t") == [0: 7, 3: 2] && letters.lowestOffsets(from: "other").isEmpty)
        letters.end(first, from: "t")
        #expect(letters.lowestOffsets(from: "t") == [0: 7, 3: 2])
        letters.end(again, from: "t")
        letters.end(third, from: "t")
        #expect(letters.lowestOffsets(from: "t") == [0: 9] && letters.isWaiting(from: "t"))
        letters.end(second, from: "t")
        #expect(letters.isEmpty && !letters.isWaiting(from: "t") && letters.begun == 4)
    }

    @Test func aTopicIsPausedWhenALetterIsLate() {
        let letters = PendingLetters()
        let first = letters.begin(from: "t", partition: 0, offset: 1, to: "dead", at: start)
        let second = letters.begin(from: "t", partition: 0, offset: 2, to: "dead", at: start + .seconds(1))
        #expect(!letters.wantsPause("t", at: start + .milliseconds(1_999)))
        #expect(letters.wantsPause("t", at: start + PendingLetters.patience))
        // The next oldest counts once the first is decided, in whatever order they are.
        letters.end(first, from: "t")
        #expect(!letters.wantsPause("t", at: start + PendingLetters.patience))
        #expect(letters.waiting(from: "t")?.since == start + .seconds(1))
        let third = letters.begin(from: "t", partition: 0, offset: 3, to: "dead", at: start + .seconds(2))
        letters.end(third, from: "t")
        #expect(letters.waiting(from: "t")?.count == 1)
        letters.end(second, from: "t")
        #expect(letters.waiting(from: "t") == nil)
    }

    @Test func thereIsABoundForThoseUnderWay() {
        let letters = PendingLetters()
        for offset in 0..<PendingLetters.mostPerTopic {
            #expect(!letters.wantsPause("t", at: start))
            _ = letters.begin(from: "t", partition: 0, offset: Int64(offset), to: "dead", at: start)
        }
        #expect(letters.wantsPause("t", at: start))
    }
}
