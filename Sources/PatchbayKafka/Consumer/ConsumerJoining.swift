import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Waiting for the group: how long, what for, and what to do when it takes too long.
extension ConsumerLoop {
    /// Joining normally takes seconds; after this it is worth a line.
    static let joinsSlowlyAfter = Duration.seconds(15)

    /// Notes whether the consumer waits for the group, and warns once when that takes long. Thread: consumer.
    func watchJoin(_ client: OpaquePointer, at now: ContinuousClock.Instant) {
        let isWaiting = !isInGroup && reachability.isReachable && !subscribed.isEmpty
        guard isWaiting else {
            joiningSince = nil
            isSlowJoinTold = false
            return
        }
        let since = joiningSince ?? now
        joiningSince = since
        if now - since >= Self.joinsSlowlyAfter, !isSlowJoinTold {
            isSlowJoinTold = true
            logger.warning(
                "joining the consumer group is taking a long time",
                metadata: [
                    "group": "\(configuration.groupID)", "since": "\((now - since).readable)", "reason": "\(joinObstacle(at: now))",
                ])
        }
        // Not where the group has nothing to hand out.
        guard let limit = configuration.rejoinsAfter, now - since >= limit,
            registry.topics.contains(where: { $0.partitionCount ?? 0 > 0 })
        else { return }
        fatal = "the group has not answered for \((now - since).readable); retrying with a new client"
    }

    /// What keeps the group from answering, as far as that is known.
    func joinObstacle(at now: ContinuousClock.Instant) -> String {
        if let problem = connectionProblems.foremost(at: now) { return problem.sentence }
        if let error = joinError { return error }
        let named = registry.topics.filter { !$0.name.hasPrefix("^") }
        if !named.isEmpty, named.allSatisfy({ $0.problem != nil || $0.partitionCount == nil }) {
            // What brokers said of one of them says more.
            if let problem = named.lazy.compactMap(\.problem).first(where: { !$0.contains("Unknown topic") }) { return problem }
            return "none of the topics exists, or this login may not see them: \(named.map(\.name).joined(separator: ", "))"
        }
        return "the coordinator waits for other members, each of which has its max.poll.interval.ms, or for one that "
            + "vanished, which takes its session.timeout.ms"
    }

    /// How long the group has been waited for, with what is known of why; `nil` when it isn't, or not for long.
    func joinReport(at now: ContinuousClock.Instant) -> String? {
        guard let since = joiningSince, !isInGroup else { return nil }
        if let problem = connectionProblems.foremost(at: now) { return problem.sentence }
        guard now - since >= Self.joinsSlowlyAfter else { return nil }
        return "for \((now - since).readable): \(joinObstacle(at: now))"
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
}
