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
