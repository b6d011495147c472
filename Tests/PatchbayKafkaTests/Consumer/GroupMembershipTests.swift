import Testing

@testable import PatchbayKafka

/// Waiting for the group, and quotas: with plain values.
@Suite("Group membership")
struct GroupMembershipTests {
    private let start = ContinuousClock.now
    private var membership = GroupMembership()

    private mutating func wait(
        _ seconds: Int, isPossible: Bool = true, rejoinsAfter: Duration? = nil, hasPartitions: Bool = true
    ) -> [GroupMembership.Action] {
        membership.wait(
            isPossible: isPossible, rejoinsAfter: rejoinsAfter, hasPartitions: hasPartitions, at: start + .seconds(seconds))
    }

    @Test("A join that takes long is told once, and again after it succeeded")
    mutating func slow() {
        let told = [0, 14, 15, 30].map { wait($0) }
        #expect(told == [[], [], [.tellSlow(.seconds(15))], []])
        membership.assigned()
        let joined = wait(40)
        #expect(joined == [] && membership.isMember && membership.hasBeenAssigned)
        membership.left()
        let again = [50, 65].map { wait($0) }
        #expect(again == [[], [.tellSlow(.seconds(15))]])
        #expect(membership.hasBeenAssigned)
    }

    @Test("While brokers are away, nothing is waited for")
    mutating func unreachable() {
        let told = [wait(0), wait(10, isPossible: false), wait(20), wait(34), wait(35)]
        #expect(told == [[], [], [], [], [.tellSlow(.seconds(15))]])
    }

    @Test("A new client asks where that is wanted, and the group has something to hand out")
    mutating func newClient() {
        let actions = [
            wait(0, rejoinsAfter: .seconds(2)), wait(2, rejoinsAfter: .seconds(2), hasPartitions: false),
            wait(3, rejoinsAfter: .seconds(2)),
        ]
        #expect(actions == [[], [], [.askWithNewClient(.seconds(3))]])
    }

    @Test("What the group waits for is told as far as it is known")
    mutating func obstacles() {
        let there = GroupMembership.KnownTopic(name: "a", partitionCount: 3)
        let missing = GroupMembership.KnownTopic(name: "b", problem: "Broker: Unknown topic or partition")
        let forbidden = GroupMembership.KnownTopic(name: "c", problem: "Broker: Topic authorization failed")
        #expect(membership.obstacle(connection: nil, topics: [there, missing]).hasPrefix("the coordinator is waiting"))
        #expect(membership.obstacle(connection: nil, topics: [missing]).hasSuffix("may not see them: b"))
        #expect(membership.obstacle(connection: nil, topics: [missing, forbidden]) == "Broker: Topic authorization failed")
        membership.failed("not authorized")
        #expect(membership.obstacle(connection: nil, topics: [missing]) == "not authorized")
        #expect(membership.obstacle(connection: "no route", topics: [missing]) == "no route")
        membership.beginAgain()
        #expect(membership.obstacle(connection: nil, topics: [missing]).hasPrefix("none of the topics exists"))
    }

    @Test("The status says why the group is waited for, when that takes long or brokers can't be used")
    mutating func report() {
        #expect(membership.report(connection: "no route", topics: [], at: start) == nil)
        _ = wait(0)
        #expect(membership.report(connection: nil, topics: [], at: start + .seconds(14)) == nil)
        #expect(membership.report(connection: "no route", topics: [], at: start + .seconds(1)) == "no route")
        #expect(membership.report(connection: nil, topics: [], at: start + .seconds(20))?.hasPrefix("for 20.0 s: ") == true)
        membership.assigned()
        #expect(membership.report(connection: nil, topics: [], at: start + .seconds(20)) == nil)
    }

    @Test("A member that is fenced comes back ever more slowly, until the conflict is over")
    mutating func fencing() {
        let delays = [0, 2, 5].map { membership.fenced(at: start + .seconds($0)) { 1 } }
        #expect(delays == [1_000, 2_000, 4_000])
        let over = [185, 186, 187].map { membership.isConflictOver(at: start + .seconds($0)) }
        #expect(over == [false, true, false])
        let next = membership.fenced(at: start + .seconds(200)) { 1 }
        #expect(next == 1_000)
    }

    @Test("A quota that slows reading down is news when it begins and when no further delay followed")
    func throttles() {
        var throttles = BrokerThrottles()
        let news = [0, 200].map { throttles.throttled(1, name: "one", milliseconds: 500, at: start + .milliseconds($0)) }
        #expect(news == [true, false])
        let early = throttles.takeEnded(at: start + .milliseconds(1_700)).map(\.broker)
        #expect(early.isEmpty && !throttles.isEmpty)
        let ended = throttles.takeEnded(at: start + .milliseconds(1_701)).map(\.name)
        #expect(ended == ["one"] && throttles.isEmpty)
    }
}
