import Testing

@testable import PatchbayKafka

/// When brokers are asked what topics there are: with plain values.
@Suite("Metadata schedule")
struct MetadataScheduleTests {
    private let start = ContinuousClock.now
    private var metadata: MetadataSchedule

    init() { metadata = MetadataSchedule(at: start) }

    /// Asks at the first whole second at which that is due and answers at once.
    /// - Returns: that second, and whether the answer was news.
    private mutating func next(after second: Int, _ counts: [String: Int] = ["a": 1], isMissing: Bool = false) -> (
        second: Int, isNews: Bool
    ) {
        var second = second
        while !metadata.isDue(at: start + .seconds(second)) { second += 1 }
        _ = metadata.asked(at: start + .seconds(second))
        return (second, metadata.answered(counts, isMissing: isMissing, at: start + .seconds(second)))
    }

    /// - Returns: the seconds at which is asked until `end`.
    private mutating func seconds(from first: Int, through end: Int, isMissing: Bool = false) -> [Int] {
        var seconds: [Int] = []
        var second = first
        while true {
            while !metadata.isDue(at: start + .seconds(second)) { second += 1 }
            guard second <= end else { return seconds }
            seconds.append(next(after: second, isMissing: isMissing).second)
        }
    }

    @Test("Ever more rarely while nothing changes, and at least once a minute")
    mutating func backingOff() {
        let asked = seconds(from: 0, through: 250)
        #expect(asked == [0, 10, 30, 70, 130, 190, 250])
    }

    @Test("A change is news once, and then more may follow")
    mutating func change() {
        _ = seconds(from: 0, through: 70)
        let changed = next(after: 71, ["a": 2])
        let again = next(after: changed.second, ["a": 2])
        let later = next(after: again.second, ["a": 2])
        #expect(changed.isNews && !again.isNews && !later.isNews)
        #expect(again.second - changed.second == 10 && later.second - again.second == 20)
        let gone = next(after: later.second, [:])
        #expect(gone.isNews)
    }

    @Test("A connection that fails brings the next question forward to five seconds after the last, however often it fails")
    mutating func connection() {
        _ = seconds(from: 0, through: 70)
        for second in 71...74 { metadata.connectionFailed(at: start + .seconds(second)) }
        let first = next(after: 71)
        metadata.connectionFailed(at: start + .seconds(90))
        let second = next(after: 76)
        #expect(first.second == 75 && second.second == 90)
    }

    @Test("A topic that doesn't exist is looked for every ten seconds")
    mutating func missing() {
        let asked = seconds(from: 0, through: 60, isMissing: true)
        #expect(asked == [0, 10, 20, 30, 40, 50, 60])
    }

    @Test("What happens is a reason to ask at once, but not every time")
    mutating func soon() {
        _ = seconds(from: 0, through: 70)
        metadata.askSoon(at: start + .seconds(75))
        let first = next(after: 75)
        metadata.askSoon(at: start + .seconds(75) + .milliseconds(1))
        let isDueAgain = metadata.isDue(at: start + .seconds(75) + .milliseconds(100))
        let second = next(after: 75)
        let third = next(after: second.second)
        #expect(first.second == 75 && !isDueAgain && second.second == 76 && third.second == 86)
    }

    @Test("What happens while an answer is under way is asked for after it")
    mutating func meanwhile() {
        let number = metadata.asked(at: start)
        metadata.askSoon(at: start + .seconds(1))
        #expect(!metadata.isDue(at: start + .seconds(2)) && metadata.isAwaited(number))
        _ = metadata.answered([:], isMissing: false, at: start + .seconds(3))
        #expect(metadata.isDue(at: start + .seconds(3)))
    }

    @Test("An answer that may be too old is not waited for")
    mutating func atOnce() {
        let old = metadata.asked(at: start)
        metadata.askAtOnce(at: start)
        #expect(metadata.isDue(at: start) && !metadata.isAwaited(old))
        let new = metadata.asked(at: start)
        #expect(metadata.isAwaited(new) && !metadata.isAwaited(old))
    }

    @Test("Brokers that don't answer are asked once a second")
    mutating func inVain() {
        _ = seconds(from: 0, through: 70)
        _ = metadata.asked(at: start + .seconds(130))
        metadata.askedInVain(at: start + .seconds(130))
        let isDue = [900, 1_000].map { metadata.isDue(at: start + .seconds(130) + .milliseconds($0)) }
        #expect(isDue == [false, true])
        let answered = next(after: 131)
        let later = next(after: answered.second)
        #expect(later.second - answered.second == 10)
    }

    @Test("What a new client finds is no news")
    mutating func newClient() {
        _ = next(after: 0, ["a": 1])
        metadata.beginAgain(at: start + .seconds(1))
        let answer = next(after: 1, ["a": 7])
        #expect(answer.second == 1 && !answer.isNews)
    }
}
