import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Topics of which not everything that was taken may be committed yet, because dead letters of theirs are under way.
///
/// Nothing is committed from the first record on whose letter is under way. What brokers answer soon costs nothing else. When
/// a letter is late, or too many are under way, the partitions are paused, and the thread goes on polling, so that it stays in
/// the group and other topics go on. The member that gets the partitions meanwhile, or after a crash, begins at the last
/// committed offset: records come twice rather than not at all.
extension ConsumerLoop {
    /// After a batch of `topic`: notes whether its positions may be committed.
    func noteHold(of topic: ConsumedTopic) {
        guard processor.isHolding(topic.name) else { return }
        topic.hold = topic.hold ?? .brief
        hasHolds = true
    }

    /// Lets topics go on whose letters are decided, and pauses those whose letters take too long.
    ///
    /// - Parameter patience: how long to wait in place for letters to be decided, before partitions are given up.
    func settleHolds(_ client: OpaquePointer, patience: Duration = .zero) {
        guard hasHolds else { return }
        let deadline = ContinuousClock.now + patience
        while true {
            control.status.withLock { $0.lastLoopTurn = .now }
            for topic in registry.topics where topic.hold != nil && !processor.isHolding(topic.name) {
                release(topic, client)
            }
            hasHolds = registry.topics.contains { $0.hold != nil }
            // Not when a topic is paused already: brokers are slow then.
            let mayWait = !registry.topics.contains { $0.hold == .paused }
            guard hasHolds, mayWait, .now < deadline else { break }
            Pause.milliseconds(1)
        }
        for topic in registry.topics where topic.hold == .brief && processor.wantsPause(topic.name) {
            pauseHeld(topic, client)
        }
    }

    /// Up to where a partition may be committed; `nil` when nothing new may be.
    func committable(_ partition: AssignedPartition, held: [Int32: Int64]) -> Int64? {
        guard let position = partition.position else { return nil }
        guard let limit = held[partition.number], limit < position else { return position }
        // A letter from before the partition was given up may be older than what another member committed meanwhile.
        return limit > partition.committed ?? -1 ? limit : nil
    }

    private func pauseHeld(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        topic.hold = .paused
        suspend(topic, client)
        // At brokers that stay slow it is paused again and again.
        guard let suppressed = topic.holdLog.admit(at: .now) else { return }
        topic.isHoldTold = true
        var metadata: Logger.Metadata = [
            "topic": "\(topic.name)", "reason": "\(processor.holdReason(topic.name) ?? "none")",
        ]
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.warning("topic is paused until its refused records are in the dead-letter topic", metadata: metadata)
    }

    private func release(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        let wasPaused = topic.hold == .paused
        topic.hold = nil
        guard wasPaused else { return }
        // A topic that is halted as well goes on when it is told to.
        if !topic.isHalted { unsuspend(topic.startedList(), client) }
        guard topic.isHoldTold else { return }
        topic.isHoldTold = false
        logger.info("reading of the topic resumes: its refused records are dealt with", metadata: ["topic": "\(topic.name)"])
    }
}
