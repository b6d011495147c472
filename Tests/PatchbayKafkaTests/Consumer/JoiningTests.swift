import Logging
import TestSupport
import Testing

@testable import PatchbayKafka

/// Getting into the group, and staying there.
@Suite("Joining the group", .timeLimit(.minutes(2))) struct JoiningTests {
    /// A demo that was frozen for eight seconds while its group formed never got its partitions, and no line said so:
    /// librdkafka's mock forgets a member whose session ends while the group forms together with its join, and reads
    /// that connection no more. A session shorter than the three seconds that the mock waits for a group to form has the
    /// same end.
    @Test func aJoinThatTheEmbeddedKafkaForgotIsToldAndMadeByANewClient() async throws {
        try await KafkaFixture.run { fixture in
            let session = [(name: "session.timeout.ms", value: "1000"), ("heartbeat.interval.ms", "300")]
            let waiting = fixture.startConsumer(group: "forgotten", into: SeenRecords(), properties: session, rejoinsAfter: nil)
            let again = fixture.startConsumer(
                group: "forgotten-too", into: SeenRecords(), properties: session, rejoinsAfter: .seconds(2))
            try await eventually("a new client to ask") { again.status.recreations >= 1 }
            try await eventually("the long wait to be told") {
                fixture.log.count(.warning, "joining the consumer group is taking a long time") == 1
            }
            #expect(waiting.status.recreations == 0 && waiting.status.state == .waitingForAssignment)
            try await eventually("the reason to be in the status") {
                waiting.status.joinProblem?.contains("the coordinator is waiting for other members") == true
            }
            let line = try #require(fixture.log.lines.first { $0.message.contains("is taking a long time") })
            #expect(line.metadata["group"]?.description == "forgotten")
        }
    }

    /// Two nodes with one `group.instance.id` took each other's place once a second for ever, and the log never said so.
    @Test func aFencedMemberSaysWhyAndComesBackEverMoreSlowly() async throws {
        try await KafkaFixture.run { fixture in
            let fenced = KafkaErrorCode(rawValue: 82)
            try fixture.kafka.failNext(.joinGroup, with: [fenced, fenced, fenced])
            let consumer = fixture.startConsumer(
                group: "two", into: SeenRecords(), properties: [("group.instance.id", "one")])
            try await eventually("it to be recreated three times") { consumer.status.recreations == 3 }
            #expect(
                consumer.status.lastError?.message
                    == "another member of the group two has the same group.instance.id, one, and took this one's place: "
                    + "give each node an id of its own")
            let pauses = fixture.log.lines.filter { $0.message.contains("recreating it") }
                .compactMap { $0.metadata["retry_in_ms"].flatMap { Int($0.description) } }
            #expect(pauses.count == 3)
            for (pause, least) in zip(pauses, [500, 1_000, 2_000]) { #expect(pause >= least && pause <= 2 * least) }
            try await eventually("partitions") { consumer.status.state == .consuming }
        }
    }

    /// After a crash nobody got the partitions for the 45 seconds of librdkafka's default session, and brokers that were back
    /// were not tried again for up to ten.
    @Test func theSessionIsShortUnlessTheOperatorSaysOtherwise() {
        #expect(ConsumerDefaults.value(of: "session.timeout.ms", in: []) == "10000")
        #expect(ConsumerDefaults.value(of: "session.timeout.ms", in: [("session.timeout.ms", "45000")]) == "45000")
        #expect(ConsumerDefaults.value(of: "reconnect.backoff.max.ms", in: []) == "2000")
    }
}
