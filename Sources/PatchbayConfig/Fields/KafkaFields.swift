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
            "batch_size", .integer(batchSizes), default: .integer(100), unit: "records", environment: "KAFKA_BATCH_SIZE",
            documentation: "Records taken from Kafka at a time, at most. A larger batch costs less per record.",
            example: "batch_size: 100"),
        Field(
            "max_record", .size(bytes: recordSizes), default: .integer(1 << 20), unit: "bytes",
            environment: "MAX_RECORD_SIZE",
            documentation: "Size of the largest record that is routed. A larger one is rejected, logged and counted.",
            example: "max_record: 1MiB"),
        Field(
            "dead_letter_timeout", .duration(milliseconds: deadLetterTimes), default: .integer(300_000),
            zero: "as long as it takes", environment: "DEAD_LETTER_TIMEOUT",
            documentation: """
                Time that brokers have to take a refused record of a route with `on_error: dead_letter`. Until then the record \
                is not committed and its topic is paused after it; then the record is given up, counted as lost and logged.
                """,
            example: "dead_letter_timeout: 5m"),
        properties,
        Field(
            "clusters", .dictionary(.object(cluster)),
            documentation: """
                Further clusters, by the name under which routes ask for them (`cluster: NAME`). `default` is the one that \
                `kafka` itself describes.
                """,
            example: "clusters: { audit: { brokers: [audit1:9092] } }"),
    ]

    /// Keys of one entry of `kafka.clusters`.
    public static let cluster: [Field] = [
        Field(
            "brokers", .list(.string(), minimumCount: 1), required: true,
            documentation: "Brokers of this cluster to ask first, each as `host:port`.",
            example: "brokers: [audit1:9092, audit2:9092]"),
        Field(
            "group", .string(),
            documentation: "Consumer group on this cluster. `kafka.group` when left out.",
            example: "group: backend-service"),
        Field(
            "batch_size", .integer(batchSizes), unit: "records",
            documentation: "Records taken from this cluster at a time, at most. `kafka.batch_size` when left out.",
            example: "batch_size: 100"),
        Field(
            "max_record", .size(bytes: recordSizes), unit: "bytes",
            documentation: "Size of the largest record of this cluster that is routed. `kafka.max_record` when left out.",
            example: "max_record: 1MiB"),
        Field(
            "dead_letter_timeout", .duration(milliseconds: deadLetterTimes), zero: "as long as it takes",
            documentation: """
                Time that the brokers of this cluster have to take a refused record. `kafka.dead_letter_timeout` when left out.
                """,
            example: "dead_letter_timeout: 5m"),
        properties,
    ]

    private static let batchSizes: ClosedRange<Int64> = 1...10_000
    private static let deadLetterTimes: ClosedRange<Int64> = 1000...86_400_000
    private static let recordSizes: ClosedRange<Int64> = 1024...(100 << 20)

    private static let properties = Field(
        "properties", .dictionary(.scalar),
        documentation: """
            Any property of librdkafka, such as those for TLS and SASL. librdkafka checks them when the configuration is \
            checked. They hold for this cluster only.
            """,
        example: "properties: { security.protocol: ssl }")
}
