import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Topics whose records were taken and must not be committed yet, because dead letters of theirs are under way.
///
/// Nothing of such a topic is committed. What brokers answer at once is waited for in place; after that the
/// partitions are paused, and the thread goes on polling, so that it stays in the group and other topics go on. The member that
/// gets the partitions meanwhile, or after a crash, begins at the last committed offset: records come twice rather than
/// not at all.
extension ConsumerLoop {
    /// How long the thread waits in place. Brokers that are well answer within milliseconds, while a pause costs a new
    /// fetch of what was fetched ahead.
    static let patienceInPlace = Duration.milliseconds(250)

    /// After a batch of `topic`: notes whether its positions may be committed.
    func noteHold(of topic: ConsumedTopic) {
        guard processor.isHolding(topic.name) else { return }
        topic.hold = topic.hold ?? .brief
        hasHolds = true
    }

    /// Lets topics go on whose letters are decided, and pauses the others.
    ///
    /// - Parameter patience: how long to wait in place. Not when a topic is paused already: brokers are slow then.
    func settleHolds(_ client: OpaquePointer, patience: Duration) {
        guard hasHolds else { return }
        let deadline = ContinuousClock.now + patience
        while true {
            control.status.withLock { $0.lastLoopTurn = .now }
            for topic in registry.topics where topic.hold != nil && !processor.isHolding(topic.name) {
                release(topic, client)
            }
            hasHolds = registry.topics.contains { $0.hold != nil }
            let mayWait = !registry.topics.contains { $0.hold == .paused }
            guard hasHolds, mayWait, .now < deadline else { break }
            PatchbayKafka.pause(milliseconds: 1)
        }
        for topic in registry.topics where topic.hold == .brief { pauseHeld(topic, client) }
    }

    private func pauseHeld(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        topic.hold = .paused
        suspend(topic, client)
        logger.warning(
            "topic is paused until its refused records are in the dead-letter topic",
            metadata: ["topic": "\(topic.name)", "reason": "\(processor.holdReason(topic.name) ?? "none")"])
    }

    private func release(_ topic: ConsumedTopic, _ client: OpaquePointer) {
        let wasPaused = topic.hold == .paused
        topic.hold = nil
        guard wasPaused else { return }
        // A topic that is halted as well goes on when it is told to.
        if !topic.isHalted { unsuspend(topic.startedList(), client) }
        logger.info("topic is read again: its refused records are settled", metadata: ["topic": "\(topic.name)"])
    }
}
