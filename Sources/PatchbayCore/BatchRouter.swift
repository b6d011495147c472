import PatchbayAPI

/// Finds the routes of each batch, runs them, and wakes the event loops once per poll. Takes up a new route table before
/// a batch, never within one.
///
/// Thread: consumer.
final class BatchRouter: RecordProcessor {
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

    private let router: Router
    private let cluster: String
    private let deadLetters: (any DeadLetterWriter)?
    private let observe: RejectionObserver
    private var table: RouteTable
    private var generation: Int
    /// Made when the first batch of a topic comes, so that taking up a table costs nothing for quiet topics.
    private var topics: [String: TopicRoutes] = [:]
    /// Every runner made, so that routes that a reload didn't touch keep theirs.
    private var runners: [ObjectIdentifier: RouteRunner] = [:]
    private var changed: [ChannelLog] = []
    private let pool = StagingPool()
    private var batchSizes = HistogramBuffer(bounds: HistogramBounds.batch)
    private var perLoop: [[ChannelLog]]

    init(
        router: Router, cluster: String, deadLetters: (any DeadLetterWriter)?, observe: @escaping RejectionObserver
    ) {
        self.router = router
        self.cluster = cluster
        self.deadLetters = deadLetters
        self.observe = observe
        (table, generation) = router.snapshot
        perLoop = Array(repeating: [], count: router.fanouts.count)
    }

    func process(_ batch: borrowing RecordBatch) -> Int {
        if router.generation != generation { takeUpTable() }
        let topic = routes(of: batch.topic)
        guard !topic.runners.isEmpty else { return 0 }
        batchSizes.observe(Double(batch.records.count))
        let now = Timestamp.nowMilliseconds()
        let samples = topic.budget.take(batch.records.count, nowMilliseconds: now)
        if samples > 0 { router.samples.add(batch, last: samples, cluster: cluster) }
        if topic.stopping.isEmpty {
            run(topic.runners, batch, nowMilliseconds: now)
            return batch.records.count
        }
        return runUntilRefusal(topic, batch, nowMilliseconds: now)
    }

    private func run(_ runners: [RouteRunner], _ batch: borrowing RecordBatch, nowMilliseconds now: Int64) {
        var mustSettle = false
        for runner in runners {
            _ = runner.run(batch, nowMilliseconds: now)
            if runner.commit(count: batch.records.count, changed: &changed) { mustSettle = true }
        }
        if mustSettle { settle() }
    }

    /// Record by record, so that nothing behind the one that is refused has been routed.
    private func runUntilRefusal(
        _ topic: TopicRoutes, _ batch: borrowing RecordBatch, nowMilliseconds now: Int64
    ) -> Int {
        for index in batch.records.indices {
            let single = RecordBatch(
                topic: batch.topic, records: UnsafeBufferPointer(rebasing: batch.records[index...index]))
            for runner in topic.stopping {
                guard let refused = runner.run(single, nowMilliseconds: now) else { continue }
                for other in topic.stopping { other.discard() }
                runner.route.counters.halted(at: refused)
                return index
            }
            var mustSettle = false
            for runner in topic.runners {
                if !runner.route.stopsOnError { _ = runner.run(single, nowMilliseconds: now) }
                if runner.commit(count: 1, changed: &changed) { mustSettle = true }
            }
            if mustSettle { settle() }
        }
        for runner in topic.stopping { runner.route.counters.halted(at: nil) }
        return batch.records.count
    }

    private func settle() {
        guard let lost = deadLetters?.settle(), lost > 0 else { return }
        router.countLostDeadLetters(lost)
    }

    func finishPoll() {
        router.batchSizes.take(&batchSizes)
        guard !changed.isEmpty else { return }
        for log in changed {
            var loops = log.loopsToNotify()
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

    /// Back-pressure towards Kafka is "not polling yet": a log that no event loop has come to for megabytes makes the
    /// consumer wait rather than drop messages for everybody.
    private func waitForRoom() {
        var waited = 0
        while waited < Self.longestWait, changed.contains(where: { $0.isBacklogged }) {
            Pause.milliseconds(1)
            waited += 1
        }
    }

    // MARK: The table

    private func takeUpTable() {
        (table, generation) = router.snapshot
        topics.removeAll(keepingCapacity: true)
        for identity in runners.keys where !table.identities.contains(identity) { runners[identity] = nil }
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
            route: route, table: table, directory: router.directory, pool: pool, deadLetters: deadLetters,
            observe: observe)
        runners[ObjectIdentifier(route)] = runner
        return runner
    }
}
