import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Following where reading stands, and noticing when it goes on elsewhere than expected.
///
/// librdkafka's own `auto.offset.reset` is always `earliest` here: a position that the log doesn't reach, or no longer,
/// goes to the oldest record that is left.
extension ConsumerLoop {
    /// Notes what a partition was found to go on with.
    func change(_ partition: AssignedPartition, of topic: ConsumedTopic, from position: Int64, to offset: Int64) {
        switch PositionChange(from: position, to: offset, low: partition.lowWatermark) {
        case .none: break
        case .forward(let deleted, let holes):
            if holes > 0 { topic.hasHoles = true }
            if deleted > 0 { tellDeleted(from: position, to: position + deleted, partition.number, topic) }
        case .startedOver:
            topic.recreated(partition.number)
            partition.last = nil
            partition.obstacle = nil
            // Of the former life.
            partition.end = nil
            logger.warning(
                "the topic's record offsets started over: it was recreated, or brokers lost its newest records",
                metadata: [
                    "topic": "\(topic.name)", "partition": "\(partition.number)", "expected": "\(position)", "continues_at": "\(offset)",
                ])
        }
    }

    /// Record offsets from `from` up to but not including `to`.
    func tellDeleted(from: Int64, to: Int64, _ partition: Int32, _ topic: ConsumedTopic) {
        topic.skipped(UInt64(to - from))
        logger.warning(
            "records were deleted at the broker before they were read",
            metadata: [
                "topic": "\(topic.name)", "partition": "\(partition)", "from": "\(from)", "to": "\(to)",
                "record_offsets": "\(to - from)", "exact": "\(!topic.hasHoles)",
            ])
    }

    /// Notes that a partition was read to its end: to be applied once the records before it are processed. With thin traffic
    /// one comes with every record.
    func noteEnd(_ message: rd_kafka_message_t) {
        // The partition's own handle, which lasts as long as the assignment: no look-up by name.
        guard let handle = message.rkt else { return }
        let topic = registry[registry.number(ofHandle: handle)]
        guard let partition = topic.partition(message.partition), let position = partition.position else { return }
        reachedEnds.append((topic, partition, message.offset, message.offset < position ? position : nil))
    }

    /// Moves positions to the ends that were reached. Between the last record and the end there may be offsets that never
    /// come as a record, above all the markers of transactions: a partition that stands there has caught up.
    func applyEnds(_ client: OpaquePointer) {
        guard !reachedEnds.isEmpty else { return }
        for (topic, partition, end, positionThen) in reachedEnds {
            guard !halted.isHalted(topic.name), partition.returning == nil, topic.partition(partition.number) === partition,
                let position = partition.position
            else { continue }
            // Behind us: a new life without records, unless some came in the meantime.
            guard position < end || position == positionThen, position != end else { continue }
            partition.refreshLowWatermark(client: client)
            change(partition, of: topic, from: position, to: end)
            partition.position = end
        }
        reachedEnds.removeAll(keepingCapacity: true)
    }

    func takeCompacted() {
        for name in offsetWatcher.takeCompacted() { registry.topic(named: name).hasHoles = true }
    }

    /// Takes up what the offset watcher has seen.
    func takeEnds() {
        takeCompacted()
        guard let ends = offsetWatcher.takeEnds() else { return }
        for (name, end) in ends {
            guard let partition = registry.known(name.topic)?.partition(name.number), partition.isStarted else { continue }
            partition.end = end
        }
    }

    /// A broker told how long it holds back its next answer, because of a quota.
    func throttled(broker: Int32, name: String, milliseconds: Int32) {
        // A zero may come from another connection to the same broker, while this one is still mute.
        guard milliseconds > 0 else { return }
        let isNews = throttles.throttled(broker, name: name, milliseconds: Int(milliseconds), at: .now)
        control.status.withLock {
            $0.throttledMilliseconds &+= UInt64(milliseconds)
            $0.throttles[broker] = Int(milliseconds)
        }
        if isNews {
            logger.notice(
                "a broker quota is slowing this consumer down",
                metadata: [
                    "broker": "\(name)", "throttle_ms": "\(milliseconds)",
                ])
        }
    }

    /// Forgets delays that were not followed by others.
    func endThrottles(now: ContinuousClock.Instant) {
        for (broker, name) in throttles.takeEnded(at: now) {
            _ = control.status.withLock { $0.throttles.removeValue(forKey: broker) }
            logger.info("the broker quota is no longer slowing this consumer down", metadata: ["broker": "\(name)"])
        }
    }
}
