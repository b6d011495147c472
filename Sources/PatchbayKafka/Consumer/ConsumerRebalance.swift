import CLibRDKafka
import Logging

/// Following the group.
extension ConsumerLoop {
    /// Follows the group's decision. Runs inside a poll, so a batch may be half gathered.
    func rebalance(
        _ client: OpaquePointer, _ error: rd_kafka_resp_err_t,
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) {
        let isCooperative = rebalanceProtocol(of: client) == "COOPERATIVE"
        let elements = UnsafeMutableBufferPointer(
            start: partitions.pointee.elems, count: Int(partitions.pointee.cnt))
        switch error {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            assigned(partitions, elements, isCooperative: isCooperative, client)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            revoked(partitions, elements, isCooperative: isCooperative, client)
        default:
            logger.warning("rebalance failed", metadata: ["reason": "\(KafkaErrorCode(error))"])
            note("rebalance failed: \(KafkaErrorCode(error))")
            isInGroup = false
            processGathered(client)
            for topic in registry.topics where topic.isPaused { unsuspend(topic.startedList(), client) }
            registry.revokeAll()
            registry.forgetHandles()
            watchAssigned()
            report(rd_kafka_assign(client, nil))
        }
        publish()
    }

    /// `EAGER`, `COOPERATIVE`, or `NONE` before the consumer joined its group.
    func rebalanceProtocol(of client: OpaquePointer) -> String {
        rd_kafka_rebalance_protocol(client).map { String(cString: $0) } ?? "NONE"
    }

    private func assigned(
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>,
        _ elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>, isCooperative: Bool, _ client: OpaquePointer
    ) {
        hasBeenAssigned = true
        isInGroup = true
        joinError = nil
        connectionProblems.clear()
        registry.forgetHandles()
        // librdkafka waits for an answer; it gets the partitions as it becomes known where they begin.
        let none = PartitionList()
        none.withNative { none in
            if isCooperative {
                report(rd_kafka_incremental_assign(client, none))
            } else {
                report(rd_kafka_assign(client, none))
            }
        }
        expect(elements)
        reachability.wantsMetadata = true
    }

    private func revoked(
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>,
        _ elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>, isCooperative: Bool, _ client: OpaquePointer
    ) {
        // While the partitions are still ours.
        processGathered(client)
        let isLost = rd_kafka_assignment_lost(client) != 0
        if isLost || !isCooperative { isInGroup = false }
        settleHolds(client, patience: .seconds(1))
        if !isLost { commit(client, timeoutMilliseconds: 1_500) }
        // librdkafka would remember the pause, also when the topic isn't halted any more as the partition comes back.
        let paused = PartitionList()
        // It refuses the whole list for one partition that it wasn't given.
        let given = PartitionList(capacity: elements.count)
        for element in elements {
            let topic = registry.topic(named: String(cString: element.topic))
            if topic.partition(element.partition)?.isStarted == true {
                given.add(topic.name, element.partition)
                if topic.isPaused { paused.add(topic.name, element.partition) }
            }
            topic.revoke(element.partition)
        }
        unsuspend(paused, client)
        registry.forgetHandles()
        watchAssigned()
        tellCommitProblem(hasSucceeded: false)
        if isCooperative {
            given.withNative { report(rd_kafka_incremental_unassign(client, $0)) }
        } else {
            report(rd_kafka_assign(client, nil))
        }
        logger.log(
            level: isLost ? .warning : .info,
            isLost
                ? "partitions lost; records since the last commit may be read again"
                : "partitions revoked",
            metadata: [
                "partitions": "\(Self.describe(elements.map { (String(cString: $0.topic), $0.partition) }))",
                "group": "\(configuration.groupID)",
            ])
    }

    func report(_ error: OpaquePointer?) {
        guard let error else { return }
        note("assignment: \(String(cString: rd_kafka_error_string(error)))")
        rd_kafka_error_destroy(error)
    }

    func report(_ error: rd_kafka_resp_err_t) {
        if error != RD_KAFKA_RESP_ERR_NO_ERROR { note("assignment: \(KafkaErrorCode(error))") }
    }

    static func describe(_ partitions: [(topic: String, number: Int32)]) -> String {
        var byTopic: [String: [Int32]] = [:]
        for (topic, number) in partitions { byTopic[topic, default: []].append(number) }
        return byTopic.sorted { $0.key < $1.key }.map { "\($0.key)[\(ranges(of: $0.value))]" }.joined(separator: " ")
    }
}

/// `0-3,7` for 0, 1, 2, 3, 7: a line of log must stay a line with a thousand partitions.
func ranges(of numbers: [Int32]) -> String {
    var parts: [ClosedRange<Int32>] = []
    for number in numbers.sorted() {
        if let last = parts.last, number <= last.upperBound + 1 {
            parts[parts.count - 1] = last.lowerBound...number
        } else {
            parts.append(number...number)
        }
    }
    return parts.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        .joined(separator: ",")
}
