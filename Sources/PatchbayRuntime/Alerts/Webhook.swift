import Logging
import Synchronization

/// Posts the starts and ends of alerts to a URL, in order and until they arrive.
///
/// Each alert's firing message is delivered before its resolved message. A message may arrive twice, when an answer got
/// lost; `id` and `status` together say which. An alert that ends before anybody heard of it isn't told.
///
/// Thread: any.
final class Webhook: Sendable {
    struct Settings: Sendable, Equatable {
        /// For a whole request and its answer.
        var timeout: Duration = .seconds(10)
        /// Upper bound of the pause after the first failure; doubled after each further one.
        var firstDelay: Duration = .seconds(1)
        /// Upper bound of every pause, unless the receiver asks for a longer one.
        var longestDelay: Duration = .seconds(60)
        /// Upper bound of what a receiver can ask for with `Retry-After`.
        var longestRetryAfter: Duration = .seconds(300)
        /// Alerts remembered at a time, 1 or more.
        var capacity = 1000
    }

    /// For metrics. Every start and every end of an alert is in the end counted once in `sent` or `dropped`.
    struct Counters: Sendable, Equatable {
        /// Messages that the receiver accepted.
        var sent: UInt64 = 0
        /// Attempts after which the message was tried again.
        var failedAttempts: UInt64 = 0
        /// Messages that will never be sent: refused, over before they were delivered, or left when the process ended.
        var dropped: UInt64 = 0
        /// Messages not delivered yet.
        var pending = 0
    }

    private struct State {
        var queue: WebhookQueue
        var counters = Counters()
        /// What the log was last told; `nil` while deliveries succeed.
        var failing: String?
        var failures = 0
        var isClosed = false
        var worker: Task<Void, Never>?
        var alarm: Task<Void, Never>?
        /// What `alarm` waits for; `nil` once it has rung.
        var alarmAt: ContinuousClock.Instant?
    }

    private let target: WebhookTarget
    private let node: String
    private let version: String?
    private let settings: Settings
    private let clock: AlertClock
    private let random: @Sendable () -> Double
    private let logger: Logger
    private let transport: WebhookTransport
    private let state: Mutex<State>
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - node: names this process to the receiver.
    ///   - http: sends the requests.
    ///   - version: Patchbay's.
    ///   - random: in 0..<1, for jitter.
    init(
        target: WebhookTarget, node: String, http: OutgoingHTTP, version: String? = nil, settings: Settings = Settings(),
        clock: AlertClock = .system, random: @escaping @Sendable () -> Double = { .random(in: 0..<1) }, logger: Logger
    ) {
        self.target = target
        self.node = node
        self.version = version
        self.settings = settings
        self.clock = clock
        self.random = random
        self.logger = logger
        transport = WebhookTransport(
            target: target, timeout: settings.timeout, userAgent: version.map { "patchbay/\($0)" } ?? "patchbay", http: http)
        state = Mutex(
            State(
                queue: WebhookQueue(
                    delay: RetryDelay(first: settings.firstDelay, longest: settings.longestDelay),
                    longestWait: settings.longestRetryAfter, capacity: settings.capacity)))
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var counters: Counters {
        state.withLock { state in
            var counters = state.counters
            counters.pending = state.queue.pending
            return counters
        }
    }

    /// Takes an event to be told; never waits. After `stop` it is dropped.
    func post(_ event: AlertEvent) {
        let drops = state.withLock { state in
            if state.isClosed {
                if case .updated = event { return [WebhookQueue.Drop]() }
                return [.init(alert: event.alert, reason: "the process ends")]
            }
            return state.queue.take(event)
        }
        report(drops)
        waker.yield()
    }

    /// Begins to deliver. Once.
    func start() {
        state.withLock { state in
            guard state.worker == nil, !state.isClosed else { return }
            state.worker = Task { await work() }
        }
    }

    /// Tries what is undelivered once more, and ends within a bounded time.
    func stop(within limit: Duration = .seconds(2)) async {
        let worker = state.withLock { state in
            state.isClosed = true
            state.queue.close()
            return state.worker
        }
        waker.finish()
        if let worker {
            let limiter = Task {
                try await clock.sleep(limit)
                worker.cancel()
            }
            await worker.value
            limiter.cancel()
        }
        let (drops, alarm) = state.withLock { state in
            defer { state.alarm = nil }
            return (state.queue.abandon(), state.alarm)
        }
        alarm?.cancel()
        report(drops)
    }

    private func work() async {
        await deliver()
        for await _ in wake { await deliver() }
        // What was woken up for last may have been swallowed by the end of the stream.
        await deliver()
    }

    /// Sends what may be sent now.
    private func deliver() async {
        while !Task.isCancelled {
            switch state.withLock({ $0.queue.next(at: clock.now()) }) {
            case .idle: return
            case .wait(let until): return setAlarm(at: until)
            case .send(let outgoing): await send(outgoing)
            }
        }
    }

    private func setAlarm(at instant: ContinuousClock.Instant) {
        state.withLock { state in
            // Each event that comes in during a pause asks again.
            guard state.alarmAt != instant else { return }
            state.alarmAt = instant
            state.alarm?.cancel()
            state.alarm = Task { [weak self, clock] in
                guard (try? await clock.sleep(max(.zero, instant - clock.now()))) != nil else { return }
                self?.ring(for: instant)
            }
        }
    }

    private func ring(for instant: ContinuousClock.Instant) {
        // Forgotten before anybody is woken: a sleep that ended early has to be followed by another one.
        state.withLock { state in
            if state.alarmAt == instant { state.alarmAt = nil }
        }
        waker.yield()
    }

    private func send(_ outgoing: WebhookQueue.Outgoing) async {
        let message = WebhookMessage(
            outgoing.alert, endedAt: outgoing.endedAt, node: node, patchbayVersion: version)
        let answer: WebhookAnswer
        do {
            answer = await transport.post([UInt8](try message.body))
        } catch {
            // No value of a message can fail to be encoded; if one did, trying again would not help.
            answer = .answered(status: 400, retryAfter: nil)
        }
        let verdict = WebhookVerdict(
            answer, nowMilliseconds: clock.wallMilliseconds(), longestWait: settings.longestRetryAfter)
        let drops = state.withLock { state in
            switch verdict {
            case .accepted: state.counters.sent += 1
            case .tryAgain: state.counters.failedAttempts += 1
            case .refused: break
            }
            return state.queue.finished(verdict, at: clock.now(), random: random())
        }
        report(verdict, message)
        report(drops)
    }

    private func report(_ verdict: WebhookVerdict, _ message: WebhookMessage) {
        let metadata: Logger.Metadata = [
            "url": "\(target)", "alert": "\(message.alert)", "cluster": "\(message.cluster)", "topic": "\(message.topic)",
            "status": "\(message.status.rawValue)",
        ]
        switch verdict {
        case .accepted, .refused:
            let failures = state.withLock { state in
                defer {
                    state.failing = nil
                    state.failures = 0
                }
                return state.failures
            }
            if failures > 0 {
                logger.info(
                    "the alert webhook answers again",
                    metadata: [
                        "url": "\(target)", "failed_attempts": .stringConvertible(failures),
                    ])
            }
        case .tryAgain(let reason, _, _):
            // Said when it begins and when it changes, not at each of many attempts.
            let isNews = state.withLock { state in
                defer { state.failing = reason }
                state.failures += 1
                return state.failing != reason
            }
            logger.log(
                level: isNews ? .warning : .debug, "the alert webhook could not be reached; retrying",
                metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
        }
    }

    private func report(_ drops: [WebhookQueue.Drop]) {
        guard !drops.isEmpty else { return }
        state.withLock { $0.counters.dropped += UInt64(drops.count) }
        var said: Set<String> = []
        for drop in drops where said.insert(drop.alert.id).inserted {
            logger.warning(
                "an alert was not delivered to the webhook",
                metadata: [
                    "url": "\(target)", "alert": "\(drop.alert.kind.rawValue)", "cluster": "\(drop.alert.cluster)",
                    "topic": "\(drop.alert.topic)", "reason": "\(drop.reason)",
                ])
        }
    }
}
