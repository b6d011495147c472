import CLibRDKafka
import Logging

/// Following the group.
extension ConsumerLoop {
    /// Follows the group's decision. Runs inside a poll, so a batch may be half gathered.
    func rebalance(
        _ client: OpaquePointer, _ error: rd_kafka_resp_err_t,
        _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) {
        let isCooperative = rd_kafka_rebalance_protocol(client).map { String(cString: $0) } == "COOPERATIVE"
        let elements = UnsafeBufferPointer(start: partitions.pointee.elems, count: Int(partitions.pointee.cnt))
        switch error {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            hasBeenAssigned = true
            registry.forgetHandles()
            for element in elements {
                registry.topic(named: String(cString: element.topic)).assign(element.partition)
            }
            if isCooperative {
                report(rd_kafka_incremental_assign(client, partitions))
            } else {
                report(rd_kafka_assign(client, partitions))
            }
            reachability.wantsMetadata = true
            logger.info("partitions assigned", metadata: describe(elements))
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // While the partitions are still ours.
            processGathered(client)
            let isLost = rd_kafka_assignment_lost(client) != 0
            if !isLost { commit(client, timeoutMilliseconds: 1_500) }
            for element in elements {
                registry.topic(named: String(cString: element.topic)).revoke(element.partition)
            }
            registry.forgetHandles()
            if isCooperative {
                report(rd_kafka_incremental_unassign(client, partitions))
            } else {
                report(rd_kafka_assign(client, nil))
            }
            logger.log(
                level: isLost ? .warning : .info,
                isLost
                    ? "partitions lost; others may read their records since the last commit again"
                    : "partitions revoked",
                metadata: describe(elements))
        default:
            logger.warning("rebalance failed", metadata: ["reason": "\(KafkaErrorCode(error))"])
            note("rebalance failed: \(KafkaErrorCode(error))")
            processGathered(client)
            registry.revokeAll()
            registry.forgetHandles()
            report(rd_kafka_assign(client, nil))
        }
        publish()
    }

    private func report(_ error: OpaquePointer?) {
        guard let error else { return }
        note("assignment: \(String(cString: rd_kafka_error_string(error)))")
        rd_kafka_error_destroy(error)
    }

    private func report(_ error: rd_kafka_resp_err_t) {
        if error != RD_KAFKA_RESP_ERR_NO_ERROR { note("assignment: \(KafkaErrorCode(error))") }
    }

    private func describe(_ elements: UnsafeBufferPointer<rd_kafka_topic_partition_t>) -> Logger.Metadata {
        var byTopic: [String: [Int32]] = [:]
        for element in elements { byTopic[String(cString: element.topic), default: []].append(element.partition) }
        let text = byTopic.sorted { $0.key < $1.key }.map { "\($0.key)[\(ranges(of: $0.value))]" }
        return ["partitions": "\(text.joined(separator: " "))", "group": "\(configuration.groupID)"]
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
