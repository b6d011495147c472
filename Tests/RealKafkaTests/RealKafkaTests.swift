import Testing

/// Patchbay against a real Apache Kafka: `make test-kafka KAFKA_HOME=…` (docs/reliability.md).
///
/// One after the other: each starts brokers of its own, with up to half a gigabyte of memory a node.
@Suite(
    "Real Apache Kafka", .serialized, .timeLimit(.minutes(5)),
    .enabled(
        if: KafkaRelease.isGiven,
        "needs Java and an unpacked release of Apache Kafka (3.7 or later): make test-kafka KAFKA_HOME=/path/to/kafka"))
enum RealKafkaTests {}
