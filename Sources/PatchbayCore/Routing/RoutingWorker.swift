import PatchbayAPI

/// Finds the routes of each batch, runs them, and wakes the event loops once per poll. Takes up a new route table before
/// a batch, never within one.
///
/// Thread: consumer.
final class RoutingWorker: RecordProcessor {
    /// How long a poll is put off at the most when event loops are far behind. Milliseconds. Bounded so that a stuck
    /// loop can't get this consumer thrown out of its group (max.poll.interval.ms is 300,000).
    static let longestWait = 1000
    /// Topics whose routes are remembered; a pattern may bring ever new ones.
    static let maximumTopics = 10_000

    /// The routes of one topic.
    private final class TopicRoutes {
        /// Those that stop on errors first: what they refuse, the others must not see.
        let runners: [RouteRunner]
        let stopping: [RouteRunner]
        var budget = SampleBudget()

        init(_ runners: [RouteRunner]) {
            self.stopping = runners.filter(\.route.stopsOnError)
            self.runners = stopping + runners.filter { !$0.route.stopsOnError }
        }
    }

    private let router: RoutingHub
    private let cluster: String
    private let deadLetters: (any DeadLetterWriter)?
    private let observe: RejectionObserver
    private let pendingLetters = PendingLetters()
    /// Whether letters were under way when last asked, and how many there had been.
    private var hadLetters = false
    private var lettersSeen: UInt64 = 0
    private var table: RouteTable
    private var generation: Int
    /// Made when the first batch of a topic comes, so that taking up a table costs nothing for quiet topics.
    private var topics: [String: TopicRoutes] = [:]
    /// Every runner made, so that routes that a reload didn't touch keep theirs.
    private var runners: [ObjectIdentifier: RouteRunner] = [:]
    /// Those of them whose transformers want to be told of time.
    private var ticking: [RouteRunner] = []
    /// Those of them whose transformers may hold records.
    private var holding: [RouteRunner] = []
    private var changed: [ChannelLog] = []
    private let pool = StagingPool()
    private var batchSizes = HistogramBuffer(bounds: HistogramBounds.batch)
    private var perLoop: [[ChannelLog]]
    /// Whether the last poll that brought messages ended with a wait for room.
    private var isWaiting = false

    init(
        router: RoutingHub, cluster: String, deadLetters: (any DeadLetterWriter)?, observe: @escaping RejectionObserver
    ) {
        self.router = router
        self.cluster = cluster
        self.deadLetters = deadLetters
        self.observe = observe
        (table, generation) = router.snapshot
        perLoop = Array(repeating: [], count: router.fanouts.count)
    }

    deinit { router.waits.end(ObjectIdentifier(self), monotonicMilliseconds: MonotonicTime.nowMilliseconds()) }

    func process(_ batch: borrowing RecordBatch) -> Int {
        if router.generation != generation { takeUpTable() }
        let topic = routes(of: batch.topic)
        guard !topic.runners.isEmpty else { return 0 }
        batchSizes.observe(Double(batch.records.count))
        let time = BatchTime.now()
        let samples = topic.budget.take(batch.records.count, monotonicMilliseconds: time.monotonic)
        if samples > 0 { router.samples.add(batch, last: samples, cluster: cluster) }
        guard topic.stopping.isEmpty else { return runUntilRefusal(topic, batch, time) }
        for runner in topic.runners { _ = runner.run(batch, time) }
        commit(topic.runners, count: batch.records.count)
        return batch.records.count
    }

    /// Appends what the routes gathered.
    private func commit(_ runners: [RouteRunner], count: Int) {
        for runner in runners { runner.commit(count: count, changed: &changed) }
    }

    /// Routes everything before the first record that a route with `on_error: stop` refuses, and nothing from it on.
    ///
    /// Those routes take the batch first. When one refuses a record, what they gathered is forgotten, and they take the
    /// records before it once more; so a topic pays for such a route only when it stops, not with every record.
    private func runUntilRefusal(_ topic: TopicRoutes, _ batch: borrowing RecordBatch, _ time: BatchTime) -> Int {
        var count = batch.records.count
        var halt: (runner: RouteRunner, refused: RouteRunner.Refused)?
        while count > 0, let found = firstRefusal(topic.stopping, first(count, of: batch), time) {
            for runner in topic.stopping { runner.discard() }
            count = found.refused.index
            halt = found
        }
        if count > 0 {
            for runner in topic.runners where !runner.route.stopsOnError { _ = runner.run(first(count, of: batch), time) }
            commit(topic.runners, count: count)
        }
        if let halt {
            halt.runner.halt(at: halt.refused, time)
        } else {
            for runner in topic.stopping { runner.route.counters.halted(at: nil) }
        }
        return count
    }

    private func first(_ count: Int, of batch: borrowing RecordBatch) -> RecordBatch {
        RecordBatch(topic: batch.topic, records: UnsafeBufferPointer(rebasing: batch.records[..<count]))
    }

    /// Runs all of them over the batch; the refused record that comes first in it.
    private func firstRefusal(
        _ runners: [RouteRunner], _ batch: borrowing RecordBatch, _ time: BatchTime
    ) -> (runner: RouteRunner, refused: RouteRunner.Refused)? {
        var earliest: (runner: RouteRunner, refused: RouteRunner.Refused)?
        for runner in runners {
            guard let refused = runner.run(batch, time) else { continue }
            if let known = earliest, known.refused.index <= refused.index { continue }
            earliest = (runner, refused)
        }
        return earliest
    }

    // MARK: What must not be committed yet

    func hasPending(_ topic: String) -> Bool {
        let isLetterPending = isLetterPending(from: topic)
        return isLetterPending || holding.contains { $0.holdsRecords(of: topic) }
    }

    private func isLetterPending(from topic: String) -> Bool {
        let begun = pendingLetters.begun
        // Those that were decided while they were written want to be tended, too: the writer tells what was lost.
        guard hadLetters || begun != lettersSeen || !pendingLetters.isEmpty else { return false }
        lettersSeen = begun
        deadLetters?.tend()
        hadLetters = !pendingLetters.isEmpty
        return pendingLetters.isWaiting(from: topic)
    }

    func lowestPendingOffsets(_ topic: String) -> [Int32: Int64] {
        var lowest = pendingLetters.lowestOffsets(from: topic)
        for runner in holding {
            runner.lowestHeld(of: topic) { partition, offset in lowest[partition] = min(lowest[partition] ?? .max, offset) }
        }
        return lowest
    }

    func wantsPause(_ topic: String) -> Bool { pendingLetters.wantsPause(topic) }

    func pendingReason(_ topic: String) -> String? {
        guard let waiting = pendingLetters.waiting(from: topic) else { return nil }
        let records = waiting.count == 1 ? "1 refused record" : "\(waiting.count) refused records"
        let seconds = (ContinuousClock.now - waiting.since).components.seconds
        return "\(records) not accepted by the dead-letter topic \(waiting.target) for \(seconds) s"
            + (deadLetters?.obstacle(since: waiting.since).map { ": \($0)" } ?? "")
    }

    // MARK: Held records

    func flush() {
        guard !holding.isEmpty else { return }
        let time = BatchTime.now()
        for runner in holding { runner.flush(time, isLast: false, changed: &changed) }
    }

    func gaveUp(_ topic: String, partition: Int32) {
        for runner in holding { runner.forget(topic, partition: partition) }
    }

    // MARK: Waking

    func finishPoll() {
        router.batchSizes.take(&batchSizes)
        if !ticking.isEmpty { tick() }
        guard !changed.isEmpty else { return }
        for log in changed {
            var loops = log.loopsToTell()
            while loops != 0 {
                let index = loops.trailingZeroBitCount
                loops &= loops - 1
                if index < perLoop.count { perLoop[index].append(log) }
            }
        }
        for index in perLoop.indices where !perLoop[index].isEmpty {
            router.fanouts[index].notify(of: perLoop[index])
            perLoop[index].removeAll(keepingCapacity: true)
        }
        waitForRoom()
        changed.removeAll(keepingCapacity: true)
    }

    var wantsTicks: Bool { !ticking.isEmpty }

    private func tick() {
        if router.generation != generation { takeUpTable() }
        let time = BatchTime.now()
        for runner in ticking { runner.tick(time, changed: &changed) }
    }

    /// Back-pressure towards Kafka is "not polling yet": a log that no event loop has come to for megabytes makes the
    /// consumer wait rather than drop messages for everybody.
    private func waitForRoom() {
        var waited = 0
        while let full = changed.first(where: { $0.isBacklogged }) {
            if waited == 0 || waited == Self.longestWait { tellWait(for: full) }
            guard waited < Self.longestWait else { return }
            Pause.milliseconds(1)
            waited += 1
        }
        guard isWaiting else { return }
        isWaiting = false
        router.waits.end(ObjectIdentifier(self), monotonicMilliseconds: MonotonicTime.nowMilliseconds())
    }

    private func tellWait(for full: ChannelLog) {
        isWaiting = true
        router.waits.wait(
            ObjectIdentifier(self), cluster: cluster, channel: full.name,
            label: router.directory.template(ofChannel: full.name) ?? full.name,
            monotonicMilliseconds: MonotonicTime.nowMilliseconds())
    }

    // MARK: The table

    private func takeUpTable() {
        (table, generation) = router.snapshot
        topics.removeAll(keepingCapacity: true)
        // What a route that goes still holds is given out before anything of the new table.
        let gone = runners.filter { !table.identities.contains($0.key) }
        if !holding.isEmpty {
            let time = BatchTime.now()
            for runner in gone.values { runner.flush(time, isLast: true, changed: &changed) }
        }
        for identity in gone.keys { runners[identity] = nil }
        ticking = runners.values.filter(\.wantsTicks)
        holding = runners.values.filter(\.mayHold)
    }

    private func routes(of topic: String) -> TopicRoutes {
        if let known = topics[topic] { return known }
        let routes = TopicRoutes(table.routes(ofTopic: topic, cluster: cluster).map(runner))
        if topics.count >= Self.maximumTopics { topics.removeAll() }
        topics[topic] = routes
        return routes
    }

    private func runner(of route: Route) -> RouteRunner {
        if let made = runners[ObjectIdentifier(route)] { return made }
        let runner = RouteRunner(
            route: route, table: table, directory: router.directory, pool: pool,
            letters: deadLetters.map { LetterBox(writer: $0, pending: pendingLetters, router: router) }, observe: observe)
        runners[ObjectIdentifier(route)] = runner
        if runner.wantsTicks { ticking.append(runner) }
        if runner.mayHold { holding.append(runner) }
        return runner
    }
}
