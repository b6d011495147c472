import PatchbayDelivery
import PatchbayHTTP
import Testing

@testable import PatchbayKafka
@testable import PatchbayRuntime

/// What `/health` makes of a consumer's status.
@Suite("Health of consumption") struct ConsumptionHealthTests {
    private func assess(_ change: (inout ConsumerStatus, inout TopicStatus, inout PartitionStatus) -> Void) -> SourceHealth {
        var status = ConsumerStatus()
        var topic = TopicStatus(topic: "t")
        var partition = PartitionStatus(partition: 0)
        partition.position = 5
        partition.end = 5
        status.state = .consuming
        change(&status, &topic, &partition)
        topic.assigned = [partition]
        status.topics = [topic]
        return ConsumptionHealth.assess(status, brokers: ["b:9092"], threshold: .seconds(8))
    }

    @Test func allIsWell() {
        let health = assess { _, _, _ in }
        #expect(health.failures.isEmpty && health.warnings.isEmpty && health.notes.isEmpty)
        #expect(health.isAssigned && health.partitionsWithoutPosition == 0)
        #expect(health.topics[0].lag == 0 && health.topics[0].recordsDeletedUnread == nil)
    }

    /// Readiness came with the assignment, before anybody knew where reading begins.
    @Test func aPartitionWithoutAPositionIsNotReady() {
        let health = assess { _, _, partition in partition.position = nil }
        #expect(health.partitionsWithoutPosition == 1)
        #expect(health.warnings == ["the brokers have not yet said where reading begins in 1 assigned partition"])
        // One that is refused is a reason of its own, and would be refused to every node.
        let refused = assess { _, topic, partition in
            partition.position = nil
            partition.isRefused = true
            topic.problem = "Topic authorization failed"
        }
        #expect(refused.partitionsWithoutPosition == 0)
        #expect(refused.warnings == ["topic t: Topic authorization failed"])
    }

    @Test func deletionsSayWhetherTheirNumberIsExact() {
        let exact = assess { _, topic, _ in topic.recordsSkipped = 15 }
        #expect(exact.warnings == ["topic t: 15 records were deleted by the brokers before they were read"])
        #expect(exact.topics[0].recordsDeletedUnread == .init(records: 15, exact: true))
        let bound = assess { _, topic, _ in (topic.recordsSkipped, topic.recordsSkippedIsExact) = (15, false) }
        #expect(bound.warnings == ["topic t: up to 15 records were deleted by the brokers before they were read"])
        #expect(bound.topics[0].recordsDeletedUnread == .init(records: 15, exact: false))
    }

    @Test func startsAndNewLivesAreNotesAndQuotasAreWarnings() {
        let health = assess { status, topic, _ in
            (topic.withoutPosition, topic.recordsBeforeStart, topic.recreated) = ([0], 40, [0])
            status.throttles = [3: 2_500]
        }
        #expect(health.notes.count == 2)
        #expect(health.notes.contains { $0.contains("recreated") })
        #expect(health.notes.contains { $0.contains("40 records before it are not read") })
        #expect(health.warnings == ["a broker quota is slowing this consumer down: broker 3 delayed its last answer by 2500 ms"])
    }

    /// A wrong advertised listener, a refused password and a second node with the same id all read "no broker can be reached" or
    /// "waiting for the group": what is known of the cause stands behind it.
    @Test func causesStandBehindWhatTheyCause() {
        let away = assess { status, _, _ in (status.state, status.connectionProblem) = (.connecting, "b:9092 refuses the login") }
        #expect(away.failures == ["no Kafka broker can be reached at b:9092; retrying: b:9092 refuses the login"])
        let starting = assess { status, _, _ in (status.state, status.connectionProblem) = (.starting, "b:9092 refuses the login") }
        #expect(starting.warnings == ["connecting to Kafka at b:9092: b:9092 refuses the login"])
        let joining = assess { status, _, _ in
            (status.state, status.joinProblem, status.connectionProblem) = (.waitingForAssignment, "for 20.0 s: others", "b:9092 is away")
        }
        #expect(joining.warnings == ["waiting for the consumer group to assign partitions: for 20.0 s: others"])
        let elsewhere = assess { status, _, _ in (status.state, status.connectionProblem) = (.waitingForAssignment, "b:9092 is away") }
        #expect(elsewhere.warnings == ["waiting for the consumer group to assign partitions: b:9092 is away"])
        let fenced = assess { status, _, _ in status.identityConflict = "another member has the same id" }
        #expect(fenced.warnings == ["another member has the same id"])
        // A consumer that failed for it says so already.
        let failed = assess { status, _, _ in (status.state, status.identityConflict) = (.failed, "another member has the same id") }
        #expect(failed.warnings.isEmpty && failed.failures.count == 1)
    }

    private func stuck(_ status: ConsumerStatus, threshold: Duration, at now: ContinuousClock.Instant) -> [String] {
        ConsumptionHealth.assess(status, brokers: ["a:1"], threshold: threshold, now: now).stuckThreads
    }

    /// `server.liveness_threshold` held for event loops only: a consumer thread counted as stuck after 8 s whatever the
    /// file said, while commits and look-ups at slow brokers, which are lawful, could add up to 12 s.
    @Test func theThresholdHoldsForConsumerThreadsAndLawfulWaitsDoNotCount() {
        let now = ContinuousClock.now
        var status = ConsumerStatus()
        status.state = .consuming
        status.lastLoopTurn = now - .milliseconds(3200)
        #expect(stuck(status, threshold: .seconds(2), at: now) == ["the consumer thread has been stuck for 3.2 s"])
        #expect(stuck(status, threshold: .seconds(4), at: now).isEmpty)
        #expect(stuck(status, threshold: .zero, at: now).isEmpty)

        // In a call that may take three seconds, from when it began.
        status.isDueAt = status.lastLoopTurn + .seconds(3)
        #expect(stuck(status, threshold: .seconds(2), at: now).isEmpty)
        // One that doesn't come back counts from when it was due.
        #expect(
            stuck(status, threshold: .seconds(2), at: now + .seconds(4))
                == ["the consumer thread has been stuck for 4.2 s"])
        status.state = .stopped
        #expect(stuck(status, threshold: .seconds(2), at: now + .seconds(60)).isEmpty)
    }
}
