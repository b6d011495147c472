import Testing

@testable import PatchbayKafka

/// Which topics are paused, why, and when they go on: with plain values.
@Suite("Halted topics, the rules")
struct HaltedTopicsTests {
    private let start = ContinuousClock.now
    private var halted = HaltedTopics()

    @Test("A refused record pauses its topic until all its partitions were sent back")
    mutating func refused() {
        #expect(halted.isEmpty && !halted.isHalted("orders"))
        #expect(
            halted.refused("orders", partition: 3, recordOffset: 40)
                == [.pause("orders"), .tellHalted("orders", partition: 3, recordOffset: 40)])
        #expect(halted.isHalted("orders") && halted.isPaused("orders") && !halted.isHalted("trades"))
        // Nothing goes on by itself.
        #expect(halted.resume(subscribed: ["orders"]) == [])
        halted.requestResumption()
        #expect(halted.resume(subscribed: ["orders"]) == [.sendBack("orders")])
        // Asked once is done once; the topic stays halted until its partitions are back.
        #expect(halted.resume(subscribed: ["orders"]) == [])
        #expect(halted.isHalted("orders"))
        #expect(halted.sentBack("orders") == [.resume("orders"), .tellReadAgain("orders")])
        #expect(halted.isEmpty)
        #expect(halted.sentBack("orders") == [])
    }

    @Test("Only topics that are still subscribed go on; with a pattern, all")
    mutating func subscription() {
        for topic in ["b", "a", "gone"] { _ = halted.refused(topic, partition: 0, recordOffset: 0) }
        halted.requestResumption()
        #expect(halted.resume(subscribed: ["a", "b", "c"]) == [.sendBack("a"), .sendBack("b")])
        halted.requestResumption()
        #expect(halted.resume(subscribed: ["^x"]) == [.sendBack("a"), .sendBack("b"), .sendBack("gone")])
    }

    @Test("Letters that are settled soon pause nothing, but hold commits meanwhile")
    mutating func lettersInTime() {
        halted.lettersUnderWay("orders")
        halted.lettersUnderWay("orders")
        #expect(halted.isWaiting("orders") && !halted.isPaused("orders") && !halted.isHalted("orders"))
        #expect(halted.waiting == ["orders"] && halted.isWorthWaiting)
        #expect(halted.lettersSettled("orders") == [])
        #expect(halted.isEmpty && !halted.isWorthWaiting)
        #expect(halted.lettersSettled("orders") == [])
    }

    @Test("Late letters pause the topic; it goes on when they are settled, and both is told")
    mutating func lateLetters() {
        halted.lettersUnderWay("orders")
        #expect(
            halted.lettersLate("orders", reason: "no broker", at: start)
                == [.pause("orders"), .tellWaits("orders", reason: "no broker", suppressed: 0)])
        #expect(halted.isPaused("orders") && halted.isWaitLong("orders") && !halted.isHalted("orders"))
        // Late once is late; another batch changes nothing.
        #expect(halted.lettersLate("orders", reason: "no broker", at: start) == [])
        halted.lettersUnderWay("orders")
        #expect(halted.isWaitLong("orders"))
        #expect(halted.lettersSettled("orders") == [.resume("orders"), .tellWaitIsOver("orders")])
        #expect(halted.isEmpty)
    }

    @Test("At brokers that stay slow it is told once a minute, with how often it was not told")
    mutating func againAndAgain() {
        func pauseOnce(at seconds: Int) -> [[HaltedTopics.Action]] {
            halted.lettersUnderWay("orders")
            let late = halted.lettersLate("orders", reason: nil, at: start + .seconds(seconds))
            return [late, halted.lettersSettled("orders")]
        }
        let told = { (suppressed: Int) -> [[HaltedTopics.Action]] in
            [
                [.pause("orders"), .tellWaits("orders", reason: nil, suppressed: suppressed)],
                [.resume("orders"), .tellWaitIsOver("orders")],
            ]
        }
        #expect(pauseOnce(at: 0) == told(0))
        #expect(pauseOnce(at: 20) == [[.pause("orders")], [.resume("orders")]])
        #expect(pauseOnce(at: 59) == [[.pause("orders")], [.resume("orders")]])
        #expect(pauseOnce(at: 60) == told(2))
    }

    @Test("A topic that is halted and waits is read again when neither is true any more")
    mutating func both() {
        halted.lettersUnderWay("orders")
        _ = halted.lettersLate("orders", reason: nil, at: start)
        _ = halted.refused("orders", partition: 0, recordOffset: 7)
        // The letters first.
        var other = halted
        #expect(other.lettersSettled("orders") == [.tellWaitIsOver("orders")])
        #expect(other.isHalted("orders") && !other.isWaiting("orders"))
        #expect(other.sentBack("orders") == [.resume("orders"), .tellReadAgain("orders")])
        // The resumption first.
        #expect(halted.sentBack("orders") == [.tellReadAgain("orders")])
        #expect(!halted.isHalted("orders") && halted.isPaused("orders"))
        #expect(halted.lettersSettled("orders") == [.resume("orders"), .tellWaitIsOver("orders")])
        #expect(halted.isEmpty)
    }

    @Test("Letters are waited for in place while none of them is late")
    mutating func worthWaiting() {
        _ = halted.refused("halted", partition: 0, recordOffset: 0)
        #expect(!halted.isWorthWaiting && halted.waiting.isEmpty)
        halted.lettersUnderWay("b")
        halted.lettersUnderWay("a")
        #expect(halted.isWorthWaiting && halted.waiting == ["a", "b"])
        _ = halted.lettersLate("a", reason: nil, at: start)
        #expect(!halted.isWorthWaiting)
    }

    // MARK: After a return

    private func verdicts(_ offsets: [Int64], position: Int64?, log: ClosedRange<Int64>?) -> [ReturnCheck.Verdict] {
        var check = ReturnCheck()
        return offsets.map { check.verdict(on: $0, position: position, log: { log }) }
    }

    @Test("After a return, the record at the position is taken without asking anybody")
    func atThePosition() {
        var check = ReturnCheck()
        var questions = 0
        let verdict = check.verdict(
            on: 20, position: 20,
            log: {
                questions += 1
                return nil
            })
        #expect(verdict == .take && questions == 0)
        #expect(verdicts([20], position: nil, log: nil) == [.take])
    }

    @Test("Older records are left over from before, unless the log is a new one that is shorter")
    func olderRecords() {
        #expect(verdicts([18, 19, 20], position: 20, log: 0...30) == [.drop, .drop, .take])
        #expect(verdicts([18], position: 20, log: nil) == [.drop])
        #expect(verdicts([0], position: 20, log: 0...5) == [.take])
    }

    @Test("A hole is believed the second time, and at once where the records are gone")
    func holes() {
        #expect(verdicts([25, 25], position: 20, log: 0...30) == [.sendBackAgain, .take])
        #expect(verdicts([25, 25], position: 20, log: nil) == [.sendBackAgain, .take])
        #expect(verdicts([25], position: 20, log: 25...30) == [.take])
    }
}
