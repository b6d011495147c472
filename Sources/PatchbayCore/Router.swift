public import PatchbayAPI
import Synchronization

/// The route table in force and the event loops that serve its channels.
///
/// Thread: any.
public final class Router: Sendable {
    private let current: Mutex<RouteTable>
    /// One per event loop, by index.
    public let fanouts: [Fanout]
    private let observe: RejectionObserver

    /// - Parameters:
    ///   - fanouts: one per event loop, at most 64, each with its index in this array.
    ///   - observe: takes rate-limited reports of refused records, on consumer threads.
    public init(table: RouteTable, fanouts: [Fanout], observe: @escaping RejectionObserver = { _ in }) {
        self.current = Mutex(table)
        self.fanouts = fanouts
        self.observe = observe
    }

    public var table: RouteTable { current.withLock { $0 } }

    /// The log of a channel, `nil` when there is no channel of that name.
    public func log(ofChannel name: String) -> ChannelLog? { current.withLock { $0.logs[name] } }

    /// What a consumer thread hands its batches to. To be called on that thread.
    public func makeProcessor() -> any RecordProcessor { BatchRouter(router: self, observe: observe) }

    /// Counters of all event loops together.
    public var fanoutFigures: FanoutCounters.Snapshot {
        fanouts.reduce(FanoutCounters.Snapshot()) { $0 + $1.counters.snapshot }
    }
}

/// Finds the routes of each batch, runs them, and wakes the event loops once per poll.
///
/// Thread: consumer.
final class BatchRouter: RecordProcessor {
    /// How long a poll is put off at the most when event loops are far behind. Milliseconds. Bounded so that a stuck
    /// loop can't get this consumer thrown out of its group (max.poll.interval.ms is 300,000).
    static let longestWait = 1000

    private let router: Router
    private let runners: [String: [RouteRunner]]
    private var changed: [ChannelLog] = []
    private var perLoop: [[ChannelLog]]

    init(router: Router, observe: @escaping RejectionObserver) {
        self.router = router
        let table = router.table
        var runners: [String: [RouteRunner]] = [:]
        for route in table.routes {
            runners[route.topic, default: []].append(RouteRunner(route: route, table: table, observe: observe))
        }
        self.runners = runners
        self.perLoop = Array(repeating: [], count: router.fanouts.count)
    }

    func process(_ batch: borrowing RecordBatch) {
        guard let runners = runners[batch.topic] else { return }
        let now = Timestamp.nowMilliseconds()
        for runner in runners { runner.run(batch, nowMilliseconds: now, changed: &changed) }
    }

    func finishPoll() {
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
}
