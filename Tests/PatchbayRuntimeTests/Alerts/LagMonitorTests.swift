import PatchbaySettings
import Testing

@testable import PatchbayRuntime

@Suite struct LagMonitorTests {
    private static let immediate = AlertSettings.with(lagFor: .zero, settling: .zero)

    /// One lag per second, against a threshold of 1000 and a hysteresis of 80 %.
    @Test(
        arguments: [
            ([0, 1000, 1000], [], "at the threshold is not over it"),
            ([1001], ["started"], "one over it is"),
            ([1001, 1000, 1001, 999, 1001], ["started", "updated", "updated", "updated", "updated"], "around it doesn't flap"),
            ([1001, 800], ["started", "updated"], "at 80 % still holds"),
            ([1001, 799], ["started", "ended"], "below it is over"),
            ([1001, 1001, 1001], ["started"], "the same numbers are no news"),
            ([1001, nil, nil, 5000], ["started", "updated"], "unknown doesn't end it"),
            ([nil, nil], [], "unknown doesn't start it"),
            ([1001, nil, 799], ["started", "ended"], "it ends after unknown"),
            ([1001, 799, 900, 1001], ["started", "ended", "started"], "it comes back above the threshold, not at 80 %"),
        ] as [([Int64?], [String], String)])
    func lag(_ lags: [Int64?], _ expected: [String], _ why: String) {
        var fixture = MonitorFixture(Self.immediate)
        let words = lags.flatMap { fixture.events(.make(lag: $0)) }.map(\.word)
        #expect(words == expected.map { "\($0) lag trades" }, "\(why)")
    }

    @Test func lagMustLastBeforeItCounts() {
        var fixture = MonitorFixture(.with(lagFor: .seconds(5)))
        for _ in 0..<5 { #expect(fixture.events(.make(lag: 2000)) == []) }
        #expect(fixture.events(.make(lag: 1000)) == [], "a dip begins the count again")
        let since = fixture.wall
        for _ in 0..<4 { #expect(fixture.events(.make(lag: 2000)) == []) }
        #expect(fixture.events(.make(lag: nil)) == [], "unknown neither counts nor resets")
        let events = fixture.events(.make(lag: 3000))
        #expect(events.map(\.word) == ["started lag trades"])
        #expect(events.first?.alert.sinceMilliseconds == since)
    }

    @Test func anAlertKeepsItsIdAndItsPeakUntilItEnds() throws {
        var fixture = MonitorFixture(Self.immediate)
        let started = try #require(fixture.events(.make(lag: 2000)).first).alert
        let updated = try #require(fixture.events(.make(lag: 9000)).first).alert
        let ended = try #require(fixture.events(.make(lag: 10)).first)
        let again = try #require(fixture.events(.make(lag: 2000)).first).alert
        #expect(started.id == "lag/main/trades/1769860800000")
        #expect(updated.id == started.id)
        #expect(updated.lag == 9000)
        #expect(ended.alert.id == started.id)
        #expect(ended.alert.peakLag == 9000)
        #expect(again.id != started.id)
        guard case .ended(_, let at, let duration) = ended else {
            Issue.record("\(ended)")
            return
        }
        #expect(at == started.sinceMilliseconds + 2000)
        #expect(duration == .seconds(2))
    }

    @Test func topicsThatVanishOrLoseTheirThresholdEndTheirs() {
        var fixture = MonitorFixture(Self.immediate)
        let both = fixture.events(.make(topic: "a", lag: 2000), .make(cluster: "b", topic: "a", lag: 2000))
        #expect(both.count == 2)
        #expect(fixture.events(.make(topic: "a", lag: 2000)).map(\.word) == ["ended lag a"])
        #expect(fixture.events(.make(topic: "a", lag: 2000, threshold: nil)).map(\.word) == ["ended lag a"])
        #expect(fixture.monitor.active.isEmpty)
    }

    @Test func aConsumerThatIsAwayChangesNothing() {
        var fixture = MonitorFixture(Self.immediate)
        #expect(fixture.events(.make(lag: 9000, assigned: 1, .unavailable)) == [])
        #expect(fixture.events(.make(lag: 2000, assigned: 2)).count == 2)
        for lag in [0, nil, 9999] as [Int64?] {
            #expect(fixture.events(.make(lag: lag, assigned: 0, .unavailable), then: .seconds(3600)) == [])
        }
        #expect(fixture.monitor.active.count == 2)
    }

    @Test func lagOfPartitionsThatOthersTookOverEndsAfterSettling() {
        var fixture = MonitorFixture(.with(lagFor: .zero, settling: .seconds(30)))
        #expect(fixture.events(.make(lag: 2000)).count == 1)
        let away = TopicMeasurement.make(lag: nil, assigned: 0, .waitingForAssignment)
        // A rebalance: gone for 20 seconds, and back.
        #expect(fixture.events(away, then: .seconds(20)).allSatisfy { $0.word == "updated lag trades" })
        #expect(fixture.events(.make(lag: 2000)).allSatisfy { $0.word == "updated lag trades" })
        // For good.
        _ = fixture.events(away, then: .seconds(29))
        #expect(fixture.monitor.active.count == 1)
        _ = fixture.events(away, then: .seconds(1))
        #expect(fixture.events(away).map(\.word) == ["ended lag trades"])
    }

    @Test func readingAPartIsAnAlertOnceItHasSettled() {
        var fixture = MonitorFixture(.with(settling: .seconds(30)))
        let part = TopicMeasurement.make(assigned: 2, total: 3, threshold: nil)
        #expect(fixture.events(part, then: .seconds(29)) == [])
        #expect(fixture.events(.make(assigned: 3, total: 3, threshold: nil)) == [])
        #expect(fixture.events(part, then: .seconds(30)) == [])
        #expect(fixture.events(part).map(\.word) == ["started partial_assignment trades"])
        for state in [TopicMeasurement.Consumption.waitingForAssignment, .unavailable] {
            _ = fixture.events(.make(assigned: 0, total: 3, threshold: nil, state))
            #expect(fixture.monitor.active.count == 1)
        }
        #expect(fixture.events(.make(assigned: 2, total: nil, threshold: nil)).allSatisfy { $0.word.hasPrefix("updated") })
        #expect(fixture.events(.make(threshold: nil)).map(\.word) == ["ended partial_assignment trades"])
    }

    @Test func partialAssignmentCanBeMeant() {
        var fixture = MonitorFixture(.with(settling: .zero, watchesAssignment: false))
        #expect(fixture.events(.make(assigned: 1)) == [])
        #expect(fixture.events(.make(assigned: 1)) == [])
    }
}
