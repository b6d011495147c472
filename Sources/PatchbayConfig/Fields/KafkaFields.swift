import PatchbayAPI

extension ConfigFields {
    /// Keys of `kafka`.
    public static let kafka: [Field] = [
        Field(
            "brokers", .list(.string(), minimumCount: 1), default: .list([.string("localhost:9092")]),
            environment: "KAFKA_BROKERS",
            documentation: """
                Brokers to ask first, each as `host:port`; the others of the cluster are learnt from them. One is enough, two \
                or three survive the loss of one.
                """,
            example: "brokers: [kafka1:9092, kafka2:9092]"),
        Field(
            "group", .string(), default: .string("backend-service"), environment: "KAFKA_CONSUMER_GROUP",
            documentation: """
                Consumer group. It remembers how far each partition was read; members of one group share the partitions \
                among them.
                """,
            example: "group: backend-service"),
        Field(
            "batch_size", .integer(1...10_000), default: .integer(100), unit: "records", environment: "KAFKA_BATCH_SIZE",
            documentation: "Records taken from Kafka at a time, at most. A larger batch costs less per record.",
            example: "batch_size: 100"),
        Field(
            "max_record", .size(bytes: 1024...(100 << 20)), default: .integer(1 << 20), unit: "bytes",
            environment: "MAX_RECORD_SIZE",
            documentation: "Size of the largest record that is routed. A larger one is rejected, logged and counted.",
            example: "max_record: 1MiB"),
        Field(
            "properties", .dictionary(.scalar),
            documentation: """
                Any property of librdkafka, such as those for TLS and SASL. librdkafka checks them when the configuration is \
                checked.
                """,
            example: "properties: { security.protocol: ssl }"),
    ]
}
