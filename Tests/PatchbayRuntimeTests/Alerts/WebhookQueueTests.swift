import Testing

@testable import PatchbayRuntime

@Suite struct WebhookQueueTests {
    private let now = ContinuousClock.now
    private static let busy = WebhookVerdict.tryAgain(reason: "busy", wait: nil, mayHaveArrived: false)
    private static let lost = WebhookVerdict.tryAgain(reason: "lost", wait: nil, mayHaveArrived: true)

    private func queue(capacity: Int = 100) -> WebhookQueue {
        WebhookQueue(
            delay: RetryDelay(first: .seconds(1), longest: .seconds(60)), longestWait: .seconds(300), capacity: capacity)
    }

    /// `firing a`, `resolved a`, `wait` or `idle`.
    private func word(_ step: WebhookQueue.Step) -> String {
        switch step {
        case .send(let outgoing): "\(outgoing.endedAt == nil ? "firing" : "resolved") \(outgoing.alert.topic)"
        case .wait: "wait"
        case .idle: "idle"
        }
    }

    @Test func aFiringMessageIsFollowedByItsEnd() {
        var queue = queue()
        let alert = Alert.make(topic: "a")
        #expect(queue.take(.started(alert)) == [])
        #expect(word(queue.next(at: now)) == "firing a")
        #expect(queue.next(at: now) == .idle, "one at a time")
        #expect(queue.finished(.accepted, at: now, random: 0) == [])
        #expect(queue.next(at: now) == .idle)
        #expect(queue.take(.updated(alert)) == [])
        #expect(queue.next(at: now) == .idle, "new numbers alone are not told")
        #expect(queue.take(.end(alert)) == [])
        #expect(word(queue.next(at: now)) == "resolved a")
        #expect(queue.finished(.accepted, at: now, random: 0) == [])
        #expect(queue.count == 0)
    }

    @Test func theLatestNumbersAreSent() {
        var queue = queue()
        _ = queue.take(.started(.make(lag: 2000)))
        _ = queue.take(.updated(.make(lag: 7000)))
        #expect(queue.next(at: now) == .send(.init(alert: .make(lag: 7000), endedAt: nil)))
    }

    @Test func whatIsOverBeforeAnybodyHeardOfItIsNotTold() {
        var queue = queue()
        let alert = Alert.make()
        _ = queue.take(.started(alert))
        #expect(queue.take(.end(alert)).count == 2)
        #expect(queue.next(at: now) == .idle)

        _ = queue.take(.started(alert))
        _ = queue.next(at: now)
        #expect(queue.finished(Self.busy, at: now, random: 0) == [])
        #expect(queue.take(.end(alert)).count == 2)
        #expect(queue.count == 0)
    }

    @Test func whatMayHaveArrivedIsEnded() {
        var queue = queue()
        let alert = Alert.make(topic: "a")
        _ = queue.take(.started(alert))
        _ = queue.next(at: now)
        _ = queue.finished(Self.lost, at: now, random: 0)
        #expect(queue.take(.end(alert)).map(\.reason) == ["overtaken by its end"])
        #expect(word(queue.next(at: now + .seconds(60))) == "resolved a")
    }

    /// The alert ends while its firing message is on its way.
    @Test(
        arguments: [
            (.accepted, "resolved a", 0), (.refused(status: 400), "idle", 2), (busy, "idle", 2), (lost, "resolved a", 1),
        ] as [(WebhookVerdict, String, Int)])
    func endedOnTheWay(verdict: WebhookVerdict, then: String, drops: Int) {
        var queue = queue()
        let alert = Alert.make(topic: "a")
        _ = queue.take(.started(alert))
        _ = queue.next(at: now)
        #expect(queue.take(.end(alert)) == [])
        #expect(queue.finished(verdict, at: now, random: 0).count == drops)
        #expect(word(queue.next(at: now + .seconds(60))) == then)
    }

    @Test func aRefusedAlertIsNotEndedEither() {
        var queue = queue()
        let alert = Alert.make()
        _ = queue.take(.started(alert))
        _ = queue.next(at: now)
        #expect(queue.finished(.refused(status: 404), at: now, random: 0).map(\.reason) == ["refused with status 404"])
        #expect(queue.take(.end(alert)).count == 1)
        #expect(queue.next(at: now) == .idle)
    }

    @Test func failuresPauseLongerAndLongerAndASuccessForgetsThem() {
        var queue = queue()
        _ = queue.take(.started(.make()))
        var time = now
        var pauses: [Duration] = []
        for _ in 0..<8 {
            _ = queue.next(at: time)
            _ = queue.finished(Self.busy, at: time, random: 0.5)
            guard case .wait(let until) = queue.next(at: time) else {
                Issue.record("doesn't wait")
                return
            }
            pauses.append(until - time)
            time = until
        }
        #expect(pauses == [0.75, 1.5, 3, 6, 12, 24, 45, 45].map { .seconds($0) })
        _ = queue.next(at: time)
        _ = queue.finished(.accepted, at: time, random: 0)
        _ = queue.take(.started(.make(topic: "b")))
        #expect(word(queue.next(at: time)) == "firing b")
    }

    @Test func theReceiverMayAskForMoreTimeUpToACap() {
        for (wait, expected) in [(0, 0.5), (20, 20), (9999, 300)] as [(Int, Double)] {
            var queue = queue()
            _ = queue.take(.started(.make()))
            _ = queue.next(at: now)
            _ = queue.finished(
                .tryAgain(reason: "", wait: .seconds(wait), mayHaveArrived: false), at: now, random: 0)
            #expect(queue.next(at: now) == .wait(until: now + .seconds(expected)))
        }
    }

    @Test func aMessageTheReceiverChokesOnDoesNotHoldUpOthers() {
        var queue = queue()
        _ = queue.take(.started(.make(topic: "a")))
        _ = queue.take(.started(.make(topic: "b")))
        #expect(word(queue.next(at: now)) == "firing a")
        _ = queue.finished(Self.busy, at: now, random: 0)
        #expect(word(queue.next(at: now)) == "wait")
        #expect(word(queue.next(at: now + .seconds(1))) == "firing b")
    }

    @Test func alertsOfOneSubjectAreToldInOrder() {
        var queue = queue()
        let (first, second) = (Alert.make(topic: "a", since: 1), Alert.make(topic: "a", since: 2))
        _ = queue.take(.started(first))
        _ = queue.next(at: now)
        _ = queue.finished(.accepted, at: now, random: 0)
        _ = queue.take(.end(first))
        _ = queue.take(.started(second))
        #expect(word(queue.next(at: now)) == "resolved a")
        _ = queue.finished(Self.lost, at: now, random: 0)
        #expect(word(queue.next(at: now + .seconds(60))) == "resolved a", "still before the second one's start")
        _ = queue.finished(.accepted, at: now, random: 0)
        #expect(word(queue.next(at: now)) == "firing a")
    }

    @Test func itHoldsNoMoreThanItsCapacity() {
        var queue = queue(capacity: 10)
        var dropped = 0
        var time = now
        for number in 0..<100 {
            let alert = Alert.make(topic: "\(number)")
            dropped += queue.take(.started(alert)).count
            // A receiver that takes starts and is never done with ends.
            var isTold = false
            while !isTold {
                time += .seconds(60)
                guard case .send(let outgoing) = queue.next(at: time) else {
                    Issue.record("nothing to send")
                    return
                }
                isTold = outgoing.endedAt == nil
                dropped += queue.finished(isTold ? .accepted : Self.lost, at: time, random: 0).count
            }
            dropped += queue.take(.end(alert)).count
            #expect(queue.count <= 10)
        }
        #expect(dropped == 90)
        #expect(queue.pending == 10)
        var full = self.queue(capacity: 2)
        for topic in ["a", "b", "c"] { dropped = full.take(.started(.make(topic: topic))).count }
        #expect(dropped == 1, "alerts that hold are not given up for a new one")
    }

    @Test func closingTriesEachOnceMoreWithoutWaiting() {
        var queue = queue()
        for topic in ["a", "b"] { _ = queue.take(.started(.make(topic: topic))) }
        _ = queue.next(at: now)
        _ = queue.finished(Self.busy, at: now, random: 0)
        #expect(word(queue.next(at: now)) == "wait")
        queue.close()
        #expect(word(queue.next(at: now)) == "firing b")
        _ = queue.finished(Self.busy, at: now, random: 0)
        #expect(word(queue.next(at: now)) == "firing a")
        _ = queue.finished(Self.busy, at: now, random: 0)
        #expect(queue.next(at: now) == .idle)
        #expect(queue.abandon().count == 2)
        #expect(queue.count == 0)
    }
}
