import CLibRDKafka
import Logging

/// Where reading begins.
extension ConsumerLoop {
    typealias Elements = UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>

    /// Sets the offset of each partition to where reading begins, so that positions and lag are known from the start:
    ///
    /// - where the group has committed, or further on when this thread itself had got further: its last commit may
    ///   have been refused because the group was changing already;
    /// - else at the beginning when the partition came into being since it was first asked for;
    /// - else as `auto.offset.reset` says.
    ///
    /// What brokers don't tell in time is left to librdkafka, which does the same but for what is new.
    /// Thread: consumer, inside a poll. Blocks for up to three round trips.
    /// - Returns: for each partition, whether its start is still to be committed.
    func findStarts(of elements: Elements, _ client: OpaquePointer) -> [Bool] {
        var isUncommitted = [Bool](repeating: false, count: elements.count)
        guard !elements.isEmpty else { return isUncommitted }
        if baseline.isIncomplete { askForMetadata(client, timeoutMilliseconds: 1_000) }
        guard let committed = committedOffsets(of: elements, client) else { return isUncommitted }

        var ends: [Int] = []
        var beginnings: [Int] = []
        let reset = ResetPolicy(ConsumerDefaults.value(of: "auto.offset.reset", in: configuration.properties))
        var left = [Int64?](repeating: nil, count: elements.count)
        for index in elements.indices {
            let name = String(cString: elements[index].topic)
            let partition = elements[index].partition
            guard let committed = committed[index] else { continue }
            if committed >= 0 { elements[index].offset = committed }
            if let position = registry.known(name)?.positionLeft(partition), position > committed {
                left[index] = position
                ends.append(index)
            }
            guard committed < 0 else { continue }
            isUncommitted[index] = true
            if !baseline.existed(name, partition: partition) || reset == .beginning {
                elements[index].offset = KafkaOffset.beginning
                beginnings.append(index)
            } else if reset == .end {
                elements[index].offset = KafkaOffset.end
                if left[index] == nil { ends.append(index) }
            }
        }
        let end = lookUp(KafkaOffset.end, ends, of: elements, client)
        let beginning = lookUp(KafkaOffset.beginning, beginnings, of: elements, client)
        for index in elements.indices {
            if let position = left[index] {
                if let end = end[index], position > end {
                    // The topic was deleted and made anew meanwhile.
                    if elements[index].offset < 0 { elements[index].offset = KafkaOffset.beginning }
                    continue
                }
                elements[index].offset = position
                isUncommitted[index] = true
            } else if elements[index].offset == KafkaOffset.end, let end = end[index] {
                elements[index].offset = end
            } else if elements[index].offset == KafkaOffset.beginning, let beginning = beginning[index] {
                elements[index].offset = beginning
            }
        }
        return isUncommitted
    }

    private enum ResetPolicy {
        case beginning, end, error

        init(_ value: String?) {
            switch value {
            case "smallest", "earliest", "beginning": self = .beginning
            case "error": self = .error
            default: self = .end
            }
        }
    }

    /// What the group has committed, in the order of the elements: negative where nothing, `nil` where that isn't known.
    private func committedOffsets(of elements: Elements, _ client: OpaquePointer) -> [Int64?]? {
        let list = PartitionList(capacity: elements.count)
        for element in elements { list.add(String(cString: element.topic), element.partition) }
        let error = list.withNative { rd_kafka_committed(client, $0, 3_000) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            logger.warning(
                "committed offsets can't be asked for; new topics may not be read from their beginning",
                metadata: ["reason": "\(KafkaErrorCode(error))", "group": "\(configuration.groupID)"])
            return nil
        }
        return list.map { $0.err == RD_KAFKA_RESP_ERR_NO_ERROR ? $0.offset : nil }
    }

    /// - Returns: absolute offsets by index; none for those that no broker told in time.
    private func lookUp(
        _ logical: Int64, _ indices: [Int], of elements: Elements, _ client: OpaquePointer
    ) -> [Int: Int64] {
        guard !indices.isEmpty else { return [:] }
        let list = PartitionList(capacity: indices.count)
        for index in indices {
            list.add(String(cString: elements[index].topic), elements[index].partition, offset: logical)
        }
        _ = list.withNative { rd_kafka_offsets_for_times(client, $0, 1_000) }
        var found: [Int: Int64] = [:]
        for (index, offset) in zip(indices, list.map { $0.err == RD_KAFKA_RESP_ERR_NO_ERROR ? $0.offset : -1 })
        where offset >= 0 { found[index] = offset }
        return found
    }

    /// Nothing is fetched of a halted topic, so nothing tells in passing how far it falls behind.
    func findEnds(of topic: ConsumedTopic, _ client: OpaquePointer) {
        let list = topic.assignedList(offset: KafkaOffset.end)
        guard !list.isEmpty else { return }
        _ = list.withNative { rd_kafka_offsets_for_times(client, $0, 200) }
        for element in list.map({ $0 }) where element.err == RD_KAFKA_RESP_ERR_NO_ERROR && element.offset >= 0 {
            topic.partition(element.partition)?.highWatermark = element.offset
        }
    }

    /// Stores where partitions began that the group has nothing committed for: what is written while nobody reads the
    /// topic would otherwise be skipped when `auto.offset.reset` decides a second time.
    func storeInitialPositions(of topic: ConsumedTopic, _ client: OpaquePointer) {
        for case let partition? in topic.partitions where partition.initialStores > 0 {
            // librdkafka forgets what is stored before it begins to fetch, and doesn't say when it does; so store again.
            let rest = partition.initialStores - 1
            guard partition.records == 0, let position = partition.position else {
                partition.initialStores = 0
                continue
            }
            keep(partition.store(position, with: client), of: topic)
            partition.initialStores = rest
        }
    }
}
