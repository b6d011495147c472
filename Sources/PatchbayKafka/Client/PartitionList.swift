import CLibRDKafka

/// The one owner of a list of topic partitions, as librdkafka takes and fills it.
struct PartitionList: ~Copyable {
    private let native: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 1) { native = rd_kafka_topic_partition_list_new(Int32(clamping: capacity)) }

    deinit { rd_kafka_topic_partition_list_destroy(native) }

    var isEmpty: Bool { native.pointee.cnt == 0 }

    /// For a call of librdkafka. The list lives until `body` returns, and not longer when this was its last use.
    borrowing func withNative<Result>(
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> Result
    ) -> Result {
        body(native)
    }

    /// In the order in which they were added.
    borrowing func map<Result>(_ body: (rd_kafka_topic_partition_t) -> Result) -> [Result] {
        UnsafeBufferPointer(start: native.pointee.elems, count: Int(native.pointee.cnt)).map(body)
    }

    /// - Parameter offset: absolute, or one of librdkafka's logical ones.
    borrowing func add(_ topic: String, _ partition: Int32, offset: Int64 = KafkaOffset.invalid) {
        rd_kafka_topic_partition_list_add(native, topic, partition)?.pointee.offset = offset
    }
}

/// librdkafka's logical offsets, whose macros Swift doesn't import.
enum KafkaOffset {
    static let beginning: Int64 = -2
    static let end: Int64 = -1
    /// None: for an assignment, "the committed one, else what `auto.offset.reset` says".
    static let invalid: Int64 = -1001
}

/// `RD_KAFKA_PARTITION_UA`: no particular partition.
let partitionUnassigned: Int32 = -1

/// A partition by name.
struct TopicPartition: Hashable, Sendable {
    var topic: String
    var number: Int32
}

extension [TopicPartition] {
    /// For a call of librdkafka.
    func list(offset: Int64 = KafkaOffset.invalid) -> PartitionList {
        let list = PartitionList(capacity: count)
        for partition in self { list.add(partition.topic, partition.number, offset: offset) }
        return list
    }
}
