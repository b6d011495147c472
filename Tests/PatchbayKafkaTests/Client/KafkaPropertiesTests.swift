import PatchbayKafka
import Testing

@Suite("Kafka properties")
struct KafkaPropertiesTests {
    @Test("Good ones pass")
    func good() {
        #expect(
            KafkaProperties.validate([("security.protocol", "plaintext"), ("fetch.wait.max.ms", "5")]).isEmpty)
        #expect(KafkaProperties.validate([]).isEmpty)
    }

    @Test("Each bad one is reported with librdkafka's reason, in order")
    func bad() throws {
        let problems = KafkaProperties.validate([
            ("fetch.wait.max.mss", "5"), ("client.id", "x"), ("fetch.wait.max.ms", "soon"),
        ])
        try #require(problems.map(\.name) == ["fetch.wait.max.mss", "fetch.wait.max.ms"])
        #expect(problems[0].message.contains("No such configuration property"))
        #expect(problems[1].message.contains("Invalid value"))
    }

    @Test(
        "Those that Patchbay owns are refused with the key to use instead",
        arguments: [
            ("bootstrap.servers", "kafka.brokers"), ("metadata.broker.list", "KAFKA_BROKERS"),
            ("group.id", "kafka.group"), ("enable.auto.commit", "auto.commit.interval.ms"),
            ("enable.auto.offset.store", "channel log"),
        ])
    func owned(name: String, mentions: String) throws {
        let problems = KafkaProperties.validate([(name, "true")])
        try #require(problems.count == 1)
        #expect(problems[0].name == name)
        #expect(problems[0].message.contains(mentions))
    }

    @Test("A contradiction between two is found, though each is fine alone")
    func contradiction() throws {
        let problems = KafkaProperties.validate([("client.rack", "r"), ("max.poll.interval.ms", "5000")])
        try #require(problems.count == 1)
        #expect(problems[0].name == "max.poll.interval.ms")
        #expect(problems[0].message.contains("session.timeout.ms"))
    }
}
