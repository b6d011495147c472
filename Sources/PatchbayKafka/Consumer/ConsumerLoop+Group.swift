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
            membership.left()
            processGathered(client)
            flushHeld()
            for topic in registry.topics where halted.isPaused(topic.name) { resume(topic.startedList(), client) }
            giveUpAll()
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
        membership.assigned()
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
        metadata.askSoon(at: .now)
    }

    private func revoked(
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>,
        _ elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t>, isCooperative: Bool, _ client: OpaquePointer
    ) {
        // While the partitions are still ours.
        processGathered(client)
        flushHeld()
        let isLost = rd_kafka_assignment_lost(client) != 0
        if isLost || !isCooperative { membership.left() }
        settleDeadLetters(client, patience: .seconds(1))
        if !isLost { commit(client, timeoutMilliseconds: 1_500) }
        // librdkafka would remember the pause, also when the topic isn't halted any more as the partition comes back.
        let paused = PartitionList()
        // It refuses the whole list for one partition that it wasn't given.
        let given = PartitionList(capacity: elements.count)
        for element in elements {
            let topic = registry.topic(named: String(cString: element.topic))
            if topic.partition(element.partition)?.isStarted == true {
                given.add(topic.name, element.partition)
                if halted.isPaused(topic.name) { paused.add(topic.name, element.partition) }
            }
            giveUp(element.partition, of: topic)
        }
        resume(paused, client)
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

    /// Who else is in the group under this consumer's `group.instance.id`, by host; `nil` when the brokers don't tell.
    /// Blocks for up to a second.
    func otherMember(_ instance: String, _ client: OpaquePointer) -> String? {
        var list: UnsafePointer<rd_kafka_group_list>?
        let error = patiently(.seconds(1)) { rd_kafka_list_groups(client, configuration.groupID, &list, 1_000) }
        guard let list else { return nil }
        defer { rd_kafka_group_list_destroy(list) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        for group in UnsafeBufferPointer(start: list.pointee.groups, count: Int(list.pointee.group_cnt)) {
            for member in UnsafeBufferPointer(start: group.members, count: Int(group.member_cnt)) {
                // Brokers make the identifier of a static member out of its instance.
                guard let id = member.member_id, String(cString: id).hasPrefix("\(instance)-") else { continue }
                let host = member.client_host.map { String(cString: $0) } ?? ""
                let name = member.client_id.map { String(cString: $0) } ?? ""
                return "\(name) at \(host.hasPrefix("/") ? String(host.dropFirst()) : host)"
            }
        }
        return nil
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
