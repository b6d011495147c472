import PatchbayAPI

/// What new instances may cost where they aren't free: in a process of their own.
struct RestartPolicy: Sendable {
    /// How long a batch may be tried again for.
    let retryTime: Duration
    /// Batches in a row that come to nothing before there is a pause. A record that breaks the plugin, alone in its batch, is one.
    var patience = PluginCounters.patience
    var firstPause = Duration.milliseconds(100)
    var longestPause = Duration.seconds(30)
}

/// Pauses between instances that break, one after the other, ever longer ones; the first good call ends that.
///
/// Thread: consumer.
struct RestartBackOff {
    private let policy: RestartPolicy
    private var failures = 0
    private(set) var end: ContinuousClock.Instant?

    init(_ policy: RestartPolicy) { self.policy = policy }

    /// What is left of a pause; `nil` when there is none.
    func pause(at now: ContinuousClock.Instant) -> Duration? {
        guard let end, now < end else { return nil }
        return end - now
    }

    mutating func succeeded() {
        failures = 0
        end = nil
    }

    /// A batch came to nothing.
    ///
    /// - Parameter isStart: no instance could be made, which is no record's fault.
    mutating func failed(isStart: Bool, at now: ContinuousClock.Instant) {
        failures = isStart ? max(failures, policy.patience) + 1 : failures + 1
        let doublings = failures - policy.patience - 1
        guard doublings >= 0 else { return }
        end = now + min(policy.longestPause, policy.firstPause * (1 << min(doublings, 20)))
    }
}
