import CLibRDKafka
import Logging
import PatchbayAPI
import Synchronization

/// Frees librdkafka's clients without making anybody wait for long.
///
/// Destroying a client joins its threads. One that waits for a request under way ends after `socket.timeout.ms`, and one
/// of librdkafka 2.0 never ends when the client lost a topic at a bad moment. So a thread of its own does it, and the
/// caller waits only for as long as a healthy client takes.
enum ClientDisposal {
    /// Clients whose destruction has begun and not ended. Thread: any.
    static var closing: Int { count.load(ordering: .relaxed) }

    private static let count = Atomic<Int>(0)

    /// Blocks for up to `patience`. Thread: any that may block.
    ///
    /// - Parameters:
    ///   - what: such as `consumer`, for the log.
    ///   - destroy: called once, on another thread. Must not need the caller afterwards.
    /// - Returns: whether the client is gone.
    @discardableResult
    static func run(
        _ what: String, patience: Duration, logger: Logger, destroy: @escaping @Sendable () -> Void
    ) -> Bool {
        enum Phase { case waitedFor, left, done }
        let phase = Shared(Phase.waitedFor)
        let begin = ContinuousClock.now
        count.wrappingAdd(1, ordering: .relaxed)
        let result = startThread {
            destroy()
            count.wrappingSubtract(1, ordering: .relaxed)
            let before = phase.value.withLock { phase in
                defer { phase = .done }
                return phase
            }
            guard before == .left else { return }
            logger.info(
                "a Kafka client that was slow to close has now closed",
                metadata: ["client": "\(what)", "took": "\((ContinuousClock.now - begin).readable)"])
        }
        guard result == 0 else {
            // No thread to be had: rather leave the client alone than hang.
            count.wrappingSubtract(1, ordering: .relaxed)
            logger.warning(
                "could not start a thread to close a Kafka client; it stays open",
                metadata: ["client": "\(what)", "errno": "\(result)"])
            return false
        }
        let deadline = begin + patience
        while phase.value.withLock({ $0 != .done }), .now < deadline { Pause.milliseconds(1) }
        let isDone = phase.value.withLock { phase in
            if phase == .waitedFor { phase = .left }
            return phase == .done
        }
        if !isDone {
            logger.info(
                "a Kafka client is still closing in the background; nothing waits for it",
                metadata: ["client": "\(what)", "closing": "\(closing)"])
        }
        return isDone
    }

    private final class Shared<Value: Sendable>: Sendable {
        let value: Mutex<Value>
        init(_ value: Value) { self.value = Mutex(value) }
    }
}
