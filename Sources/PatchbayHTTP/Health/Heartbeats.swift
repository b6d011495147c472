import NIOCore
import PatchbayDelivery
import Synchronization

/// Whether the event loops turn: each stamps the time about once a second, and anybody may look at the stamps.
///
/// Thread: any.
final class Heartbeats: Sendable {
    private final class Pulse: Sendable {
        let name: String
        let eventLoop: any EventLoop
        /// When the loop last turned. Nanoseconds of the monotonic clock.
        let lastBeat: Atomic<UInt64>

        init(name: String, eventLoop: any EventLoop, now: NIODeadline) {
            self.name = name
            self.eventLoop = eventLoop
            lastBeat = Atomic(now.uptimeNanoseconds)
        }

        func beat() { lastBeat.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed) }
    }

    private let pulses: [Pulse]
    private let threshold: TimeAmount

    /// - Parameter threshold: a loop that has not turned for this long is stuck; zero, and none ever is.
    init(eventLoops: [any EventLoop], threshold: TimeAmount) {
        let now = NIODeadline.now()
        pulses = eventLoops.enumerated().map { Pulse(name: "event loop \($0)", eventLoop: $1, now: now) }
        self.threshold = threshold
    }

    /// Begins to beat; ends with the event loops.
    func start() {
        let pause = TimeAmount.nanoseconds(min(1_000_000_000, max(threshold.nanoseconds / 4, 1_000_000)))
        for pulse in pulses {
            pulse.beat()
            pulse.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in pulse.beat() }
        }
    }

    /// A sentence for each loop that is stuck.
    func stuck(at now: NIODeadline = .now()) -> [String] {
        guard threshold > .zero else { return [] }
        return pulses.compactMap { pulse in
            let silence = now - .uptimeNanoseconds(pulse.lastBeat.load(ordering: .relaxed))
            guard silence >= threshold else { return nil }
            return "\(pulse.name) has been stuck for \(silence.nanoseconds / 1_000_000) ms"
        }
    }
}
