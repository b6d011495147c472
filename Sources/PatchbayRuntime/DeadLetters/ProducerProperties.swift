import PatchbayConfig

extension KafkaSettings {
    /// What of the file's properties concerns producers, without those that say how long a record is tried: callers know that.
    var producerProperties: [(name: String, value: String)] {
        properties.filter { !Self.consumerOnly.contains($0.name) && !Self.deadlines.contains($0.name) }.map { ($0.name, $0.value) }
    }

    private static let deadlines: Set<String> = ["message.timeout.ms", "delivery.timeout.ms"]

    /// Properties that only consumers have (librdkafka's CONFIGURATION.md, column C); a producer warns of them.
    private static let consumerOnly: Set<String> = [
        "auto.offset.reset", "session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy",
        "group.instance.id", "group.protocol.type", "coordinator.query.interval.ms", "max.poll.interval.ms",
        "enable.auto.commit", "auto.commit.interval.ms", "enable.auto.offset.store", "queued.min.messages",
        "queued.max.messages.kbytes", "fetch.wait.max.ms", "fetch.message.max.bytes", "max.partition.fetch.bytes",
        "fetch.max.bytes", "fetch.min.bytes", "fetch.error.backoff.ms", "isolation.level", "enable.partition.eof",
        "check.crcs", "allow.auto.create.topics", "client.rack",
    ]
}
