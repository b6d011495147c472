import TestSupport
import Testing

extension RealKafkaTests {
    /// Rows of the matrix in docs/reliability.md that a mock can show as well, on brokers that are really there.
    @Suite struct BrokerFaults {
        @Test func aBrokerThatIsKilledAndComesBackCostsNoRecord() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders", partitions: 2)
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<100, overPartitions: 2)
                try await client.await(100)
                try await cluster.restart {
                    try await patchbay.awaitHealth("unavailable", "no Kafka broker can be reached")
                    #expect(try await patchbay.get("/health/live").status == 200)
                    #expect(try await patchbay.get("/health/ready").status == 200)
                    #expect(try await patchbay.metric("patchbay_kafka_reachable") == 0)
                }
                try await cluster.producer.produce("orders", 100..<200, overPartitions: 2)
                try await client.await(200)
                #expect(client.numbers.sorted() == Array(0..<200))
                try await patchbay.awaitHealth("ok")
                #expect(patchbay.lines("no Kafka broker can be reached").count == 1, "\(patchbay.log)")
                #expect(patchbay.lines("Kafka brokers are back").count == 1, "\(patchbay.log)")
                try await patchbay.stop()
            }
        }

        @Test func patchbayThatStartsBeforeTheBrokerReadsOnceItIsThere() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                cluster.nodes[0].kill()
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitHealth("unavailable", "no Kafka broker can be reached")
                let client = try await patchbay.subscribe()
                try await cluster.restart()
                try await patchbay.awaitReady()
                try await cluster.producer.produce("orders", 0..<10)
                try await client.await(10)
                #expect(client.numbers == Array(0..<10))
                try await patchbay.stop()
            }
        }

        /// The leader of the partition, and perhaps the group's coordinator, with `kill -9`; another takes over. Where the
        /// session was lost meanwhile, the start of some partitions was asked of those that had led them before, for ever.
        @Test func oneOfThreeBrokersIsNotMissed() async throws {
            try await RealCluster.run(nodes: 3) { cluster in
                try await cluster.admin.create("orders", partitions: 3, copies: 3, config: ["min.insync.replicas": "2"])
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<90, overPartitions: 3)
                try await client.await(90)
                for (round, node) in [1, 2, 3].enumerated() {
                    let begin = 90 + round * 60
                    try await cluster.restart(node) {
                        try await cluster.producer.produce("orders", begin..<begin + 30, overPartitions: 3)
                        try await patchbay.explained("\(begin + 30) records; got \(client.numbers.count)", timeout: .seconds(120)) {
                            client.numbers.count >= begin + 30
                        }
                        #expect(try await patchbay.metric("patchbay_kafka_reachable") == 1)
                    }
                    try await cluster.producer.produce("orders", begin + 30..<begin + 60, overPartitions: 3)
                    try await patchbay.explained("\(begin + 60) records", timeout: .seconds(120)) {
                        client.numbers.count >= begin + 60
                    }
                }
                #expect(client.numbers.sorted() == Array(0..<270))
                // librdkafka 2.0 calls all brokers down when those that it happens to be connected to are.
                #expect(patchbay.lines("no Kafka broker can be reached").isEmpty, "\(patchbay.log)")
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
            }
        }

        /// Where reading begins was asked of the broker that had led the partition when it was first asked: librdkafka keeps
        /// that for a quarter of an hour when a client reads no topic. Partitions that came back after a failover stayed
        /// unread for as long, and how far behind they were wasn't known.
        @Test func partitionsWhoseLeaderMovedComeBackFromAnotherMember() async throws {
            try await RealCluster.run(nodes: 3) { cluster in
                try await cluster.admin.create("orders", partitions: 6, copies: 3)
                let one = try await RunningPatchbay(brokers: cluster.brokers)
                try await one.awaitReady()
                let client = try await one.subscribe()
                try await cluster.producer.produce("orders", 0..<60, overPartitions: 6)
                try await client.await(60)
                // Leaves it without a partition to lead.
                try await cluster.restart(1)
                let two = try await RunningPatchbay(brokers: cluster.brokers)
                try await two.awaitReady()
                try await one.awaitHealth("degraded", "3 of 6 partitions")
                try await two.stop()
                try await one.explained("it reads all six again", timeout: .seconds(90)) {
                    guard try await one.get("/health/ready").status == 200 else { return false }
                    return try await one.metric("patchbay_kafka_assigned_partitions") == 6
                }
                try await cluster.producer.produce("orders", 60..<120, overPartitions: 6)
                try await one.explained("all that came", timeout: .seconds(90)) { client.numbers.count >= 120 }
                #expect(client.numbers.sorted() == Array(0..<120))
                try await one.explained("nothing waits") { try await one.lag() == 0 }
                try await one.stop()
            }
        }

        /// SIGSTOP: connections stay open and nothing is answered, for longer than the session lasts.
        @Test func aBrokerThatHangsCostsTheAssignmentAndNoRecord() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, properties: ["session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"])
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<10)
                try await client.await(10)
                cluster.nodes[0].freeze()
                try await patchbay.awaitLog("partitions lost")
                try await patchbay.awaitHealth()
                #expect(try await patchbay.get("/health/live").status == 200)
                cluster.nodes[0].thaw()
                try await cluster.producer.produce("orders", 10..<20)
                try await client.await(20, timeout: .seconds(120))
                #expect(client.numbers == Array(0..<20))
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
            }
        }

        @Test func anotherMemberTakesItsShareAndGivesItBack() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders", partitions: 2)
                let one = try await RunningPatchbay(brokers: cluster.brokers)
                try await one.awaitReady()
                let client = try await one.subscribe()
                try await cluster.producer.produce("orders", 0..<20, overPartitions: 2)
                try await client.await(20)
                let two = try await RunningPatchbay(brokers: cluster.brokers)
                try await two.awaitReady()
                try await one.awaitHealth("degraded", "1 of 2 partitions")
                try await two.stop()
                try await one.explained("it has both again") {
                    try await one.metric("patchbay_kafka_assigned_partitions") == 2
                }
                try await cluster.producer.produce("orders", 20..<40, overPartitions: 2)
                try await client.await(40)
                #expect(client.numbers.sorted() == Array(0..<40))
                try await one.awaitHealth("ok")
                try await one.stop()
            }
        }

        /// A commit that was sent while the group formed again made librdkafka give up every partition as lost: each topic that was
        /// added or removed stopped all others.
        @Test func aChangeOfTopicsLeavesTheOthersAlone() async throws {
            try await RealCluster.run { cluster in
                for topic in ["orders", "others"] { try await cluster.admin.create(topic) }
                let properties = ["auto.commit.interval.ms": "20"]
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, properties: properties)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                var sent = 0
                for round in 1...6 {
                    let more = round % 2 == 1 ? ", { topic: others, transform: json, channel: others }" : ""
                    try patchbay.write(routes: "[{ topic: orders, transform: json, channel: orders }\(more)]", properties: properties)
                    try patchbay.signal(1)
                    try await patchbay.explained("the change is taken up") { patchbay.lines("subscription changed").count == round }
                    for _ in 0..<150 {
                        try await cluster.producer.produce("orders", sent..<sent + 1)
                        sent += 1
                    }
                    try await client.await(sent)
                }
                #expect(client.numbers == Array(0..<sent))
                #expect(patchbay.lines("partitions lost").isEmpty && patchbay.lines("can't be committed").isEmpty, "\(patchbay.log)")
                try await patchbay.stop()
            }
        }

        @Test func aRestartGoesOnAtTheVeryNextRecord() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers)
                try await patchbay.awaitReady()
                var total = 0
                for round in 0..<3 {
                    let client = try await patchbay.subscribe()
                    try await cluster.producer.produce("orders", round * 100..<round * 100 + 50)
                    try await client.await(1)
                    try await patchbay.stop()
                    let committed = try #require(try await cluster.admin.committed("patchbay", "orders"))
                    total = client.numbers.count
                    #expect(committed <= round * 50 + 50, "\(total)")
                    try await patchbay.start()
                    try await patchbay.explained("the rest is read") {
                        try await patchbay.metric("patchbay_kafka_records_consumed_total") == Double(round * 50 + 50) - Double(committed)
                    }
                    try await patchbay.awaitReady()
                }
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 150)
            }
        }

        /// The right to read the topic comes late; then the right to the group goes.
        @Test func rightsThatAreMissingAreToldUntilTheyAreThere() async throws {
            try await RealCluster.run(secured: .saslPlain, authorizer: true) { cluster in
                let (admin, user) = (cluster.admin, RealCluster.user.name)
                try await admin.create("orders")
                try await admin.allow(user, [.describe], on: .topic("orders"))
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.securedBrokers,
                    properties: Security.credentials.merging(["topic.metadata.refresh.interval.ms": "1000"]) { $1 })
                let client = try await patchbay.subscribe()
                // To join takes a right to the group.
                try await patchbay.awaitLog("Group authorization failed")
                #expect(try await patchbay.get("/health/ready").status == 503)
                try await admin.allow(user, [.read], on: .group("patchbay"))
                try await patchbay.awaitLog("partitions assigned")
                try await cluster.producer.produce("orders", 0..<10)
                try await patchbay.awaitHealth("degraded", "orders", "authorization")
                try await admin.allow(user, [.read], on: .topic("orders"))
                try await client.await(10)
                try await patchbay.awaitHealth("ok")

                // What can't be committed is told, and disturbs nobody.
                try await admin.forbid(user, [.read], on: .group("patchbay"))
                try await cluster.producer.produce("orders", 10..<20)
                try await patchbay.awaitLog("can't be committed")
                try await client.await(20)
                #expect(client.numbers == Array(0..<20))
                try await patchbay.awaitHealth("degraded", "committed")
                try await patchbay.stop()
            }
        }

        @Test func deadLettersArriveInTheirTopic() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                try await cluster.admin.create("refused")
                let routes = "[{ topic: orders, transform: json, channel: orders, on_error: dead_letter, dead_letter: refused }]"
                let patchbay = try await RunningPatchbay(brokers: cluster.brokers, routes: routes)
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", ["no JSON", "{\"n\":1}", "nor this", "{\"n\":2}"])
                try await client.await(2)
                try await eventually("two letters") { try await cluster.admin.watermarks("refused").high >= 2 }
                #expect(try await patchbay.metric("patchbay_dead_letters_lost_total") == 0)
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 4)
            }
        }

        @Test func aPatternTakesItsFirstTopicFromTheBeginning() async throws {
            try await RealCluster.run { cluster in
                let routes = "[{ topic: \"^metrics[.].*\", transform: json, channel: orders }]"
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, routes: routes, properties: ["topic.metadata.refresh.interval.ms": "1000"])
                try await patchbay.awaitLog("no topic matches the pattern yet")
                let client = try await patchbay.subscribe()
                try await cluster.admin.create("metrics.a", partitions: 2)
                try await cluster.producer.produce("metrics.a", 0..<20, overPartitions: 2)
                try await client.await(20)
                #expect(client.numbers.sorted() == Array(0..<20))
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
            }
        }

        /// The process stands still (SIGSTOP) until its group has given it up; another heartbeat tells it so.
        @Test func aMemberThatTheGroupForgotGoesOnWhereItWas() async throws {
            try await RealCluster.run { cluster in
                try await cluster.admin.create("orders")
                let patchbay = try await RunningPatchbay(
                    brokers: cluster.brokers, properties: ["session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"])
                try await patchbay.awaitReady()
                let client = try await patchbay.subscribe()
                try await cluster.producer.produce("orders", 0..<20)
                try await client.await(20)
                try patchbay.signal(19)
                try await eventually("the group is empty") {
                    try await KafkaRelease.run(
                        "kafka-consumer-groups.sh",
                        ["--bootstrap-server", cluster.brokers, "--describe", "--state", "--group", "patchbay"], logs: cluster.folder
                    ).contains("Empty")
                }
                try await cluster.producer.produce("orders", 20..<40)
                try patchbay.signal(18)
                try await client.await(40)
                #expect(client.numbers == Array(0..<40))
                try await patchbay.awaitHealth("ok")
                try await patchbay.stop()
                #expect(try await cluster.admin.committed("patchbay", "orders") == 40)
            }
        }
    }
}
