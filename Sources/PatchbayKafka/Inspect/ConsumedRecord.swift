import CLibRDKafka

/// A record that owns its bytes, for looking at records one by one. Not for the hot path, which borrows a `Record`.
public struct ConsumedRecord: Sendable {
    public let topic: String
    public let partition: Int32
    /// Position in the partition.
    public let recordOffset: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z as set by the producer or the broker; -1 when the record has none.
    public let timestampMilliseconds: Int64
    /// `nil` when the record has no key.
    public let key: [UInt8]?
    /// `nil` for a tombstone.
    public let value: [UInt8]?
    /// In their order, also those whose name occurs again; a value is `nil` for a null.
    public let headers: [(name: String, value: [UInt8]?)]

    public init(
        topic: String, partition: Int32, recordOffset: Int64, timestampMilliseconds: Int64, key: [UInt8]?,
        value: [UInt8]?, headers: [(name: String, value: [UInt8]?)] = []
    ) {
        self.topic = topic
        self.partition = partition
        self.recordOffset = recordOffset
        self.timestampMilliseconds = timestampMilliseconds
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// A copy of a message that isn't an error.
    init(copying message: GatheredRecords.Message, topic: String) {
        let source = message.pointee
        var headers: [(name: String, value: [UInt8]?)] = []
        KafkaHeaders.forEach(of: OpaquePointer(message)) { name, value in headers.append((name, value.map { Array($0) })) }
        self.init(
            topic: topic, partition: source.partition, recordOffset: source.offset,
            timestampMilliseconds: rd_kafka_message_timestamp(message, nil),
            key: source.key.map { Array(UnsafeRawBufferPointer(start: $0, count: source.key_len)) },
            value: source.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: source.len)) },
            headers: headers)
    }
}
