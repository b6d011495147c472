import Synchronization

/// What other threads ask of a consumer thread, and what it tells them.
///
/// Thread: any.
final class ConsumerControl: Sendable {
    private enum Phase { case idle, running, finished }

    private struct State {
        var phase = Phase.idle
        var stopRequested = false
        var topics: [String]?
        var wantsResumption = false
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    let status = Mutex(ConsumerStatus())
    private let state = Mutex(State())
    /// Set with every request, so that the loop needs no lock to see that there is none.
    private let attention = Atomic(false)

    // MARK: From outside

    /// `false` when it was started before, or stopped before it could start.
    func begin() -> Bool {
        state.withLock { state in
            guard state.phase == .idle, !state.stopRequested else { return false }
            state.phase = .running
            return true
        }
    }

    func requestTopics(_ topics: [String]) {
        state.withLock { $0.topics = topics }
        attention.store(true, ordering: .releasing)
    }

    func requestResumption() {
        state.withLock { $0.wantsResumption = true }
        attention.store(true, ordering: .releasing)
    }

    /// - Returns: whether the thread ended; `false` when `giveUpWaiting` came first.
    func stop() async -> Bool {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state -> Bool in
                state.stopRequested = true
                if state.phase == .running {
                    state.waiting.append(continuation)
                    return false
                }
                state.phase = .finished
                return true
            }
            attention.store(true, ordering: .releasing)
            if isOver {
                status.withLock { $0.state = .stopped }
                continuation.resume(returning: true)
            }
        }
    }

    func giveUpWaiting() { resumeWaiting(finished: false) }

    // MARK: From the consumer thread

    /// What to do before the next batch, at most once each.
    enum Request {
        case stop
        /// A topic list to apply; halted topics go on as well.
        case subscribe([String])
        case resumeHalted
    }

    func nextRequest() -> Request? {
        guard attention.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            if state.stopRequested { return .stop }
            attention.store(false, ordering: .releasing)
            defer {
                state.topics = nil
                state.wantsResumption = false
            }
            return state.topics.map(Request.subscribe) ?? (state.wantsResumption ? .resumeHalted : nil)
        }
    }

    var isStopRequested: Bool { state.withLock { $0.stopRequested } }

    func finish() {
        state.withLock { $0.phase = .finished }
        resumeWaiting(finished: true)
    }

    private func resumeWaiting(finished: Bool) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: finished) }
    }
}
