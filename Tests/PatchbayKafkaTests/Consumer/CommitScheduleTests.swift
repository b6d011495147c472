import Testing

@testable import PatchbayKafka

/// When positions are committed, and which: with plain values.
@Suite("Commit schedule")
struct CommitScheduleTests {
    private let start = ContinuousClock.now
    private var commits: CommitSchedule

    init() { commits = CommitSchedule(interval: .seconds(1), at: start) }

    private mutating func due(_ milliseconds: Int, steady: Bool = true) -> Bool {
        commits.takeDue(at: start + .milliseconds(milliseconds), isGroupSteady: steady)
    }

    @Test("Once per interval")
    mutating func interval() {
        let due = [0, 999, 1_000, 1_001, 1_999, 2_000].map { self.due($0) }
        #expect(due == [false, false, true, false, false, true])
    }

    @Test("Where reading begins is committed at once, and the interval counts from there")
    mutating func soon() {
        commits.wantSoon()
        let due = [100, 101, 1_099, 1_100].map { self.due($0) }
        #expect(due == [true, false, false, true])
    }

    @Test("Not while one is under way, nor while the group is changing; then at once")
    mutating func waiting() {
        commits.sent()
        var due = [self.due(1_000), self.due(5_000)]
        commits.answered()
        due.append(self.due(5_001, steady: false))
        due.append(self.due(5_002))
        #expect(due == [false, false, false, true])
        #expect(!commits.isUnderWay)
    }

    @Test("Neither is waited for longer than half a minute")
    mutating func patience() {
        commits.sent()
        let due = [1_000, 30_999, 31_000, 32_000, 61_999, 62_000].map { self.due($0) }
        #expect(due == [false, false, true, false, false, true])
    }

    @Test("Zero means never in passing, not even for starts")
    mutating func never() {
        #expect(CommitSchedule.interval("0") == nil && CommitSchedule.interval("-1") == nil)
        #expect(CommitSchedule.interval("250") == .milliseconds(250) && CommitSchedule.interval(nil) == .seconds(1))
        commits = CommitSchedule(interval: nil, at: start)
        commits.wantSoon()
        let isDue = due(1_000_000)
        #expect(!isDue)
    }

    @Test("A new client begins without what the former one had under way or wanted")
    mutating func newClient() {
        commits.sent()
        commits.wantSoon()
        commits.beginAgain()
        let due = [10, 1_000].map { self.due($0) }
        #expect(due == [false, true] && !commits.isUnderWay)
    }

    @Test("What differs from what the brokers have is committed, be it lower; records whose letters are under way are not")
    func offsets() {
        #expect(CommitSchedule.offset(position: nil, committed: 5, heldFrom: nil) == nil)
        #expect(CommitSchedule.offset(position: 7, committed: nil, heldFrom: nil) == 7)
        #expect(CommitSchedule.offset(position: 7, committed: 7, heldFrom: nil) == nil)
        // A recreated topic begins again.
        #expect(CommitSchedule.offset(position: 2, committed: 7, heldFrom: nil) == 2)
        #expect(CommitSchedule.offset(position: 9, committed: 5, heldFrom: 7) == 7)
        #expect(CommitSchedule.offset(position: 9, committed: nil, heldFrom: 0) == 0)
        #expect(CommitSchedule.offset(position: 9, committed: 7, heldFrom: 7) == nil)
        // The letter is from before the partition was given up; another member has committed more since.
        #expect(CommitSchedule.offset(position: 9, committed: 8, heldFrom: 7) == nil)
        #expect(CommitSchedule.offset(position: 9, committed: 5, heldFrom: 12) == 9)
    }
}
