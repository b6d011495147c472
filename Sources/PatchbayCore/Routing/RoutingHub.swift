import NIOCore
public import PatchbayAPI
import Synchronization

/// The route table in force, the channels, and the event loops that serve them.
///
/// Thread: any.
public final class RoutingHub: Sendable {
    private struct Current {
        var table: RouteTable
        var generation: Int
        /// The table before, held so that not the consumer thread that lets go of it last has to free its routes.
        var previous: RouteTable?
    }

    private let current: Mutex<Current>
    /// The generation again, so that consumer threads see without a lock that nothing has changed.
    private let announcedGeneration: Atomic<Int>
    /// Held while one table replaces another.
    private let replacing = Mutex(())
    /// One per event loop, by index.
    public let fanouts: [Fanout]
    let directory: ChannelDirectory
    let samples = RecordSamples()
    let waits = RoomWaits()
    /// Records of one topic per poll.
    public let batchSizes = Histogram(bounds: HistogramBounds.batch)
    private let observe: RejectionObserver
    private let lostDeadLetters = Atomic<Int64>(0)
    private let waitingDeadLetters = Atomic<Int64>(0)

    /// - Parameters:
    ///   - fanouts: one per event loop, at most 64, each with its index in this array.
    ///   - maximumAwaited: channels of templates that clients may be subscribed to before a record has made them, all
    ///     clients together.
    ///   - observe: takes rate-limited reports of refused records, on consumer threads.
    public init(
        table: RouteTable, fanouts: [Fanout], maximumAwaited: Int = 100_000, observe: @escaping RejectionObserver = { _ in }
    ) {
        self.directory = ChannelDirectory(maximumAwaited: maximumAwaited)
        self.current = Mutex(Current(table: table, generation: 1))
        self.announcedGeneration = Atomic(1)
        self.fanouts = fanouts
        self.observe = observe
        directory.prepare(for: table)
        _ = directory.prune(for: table)
    }

    public var table: RouteTable { current.withLock { $0.table } }

    /// Counts tables from 1; a new table gets the next number.
    public var generation: Int { announcedGeneration.load(ordering: .acquiring) }

    /// The table and its generation, taken together.
    var snapshot: (table: RouteTable, generation: Int) { current.withLock { ($0.table, $0.generation) } }

    // MARK: Channels

    /// Why a channel can't be subscribed to.
    public enum ChannelRefusal: Error, Equatable {
        case unknown
        /// A template could make it, no record has done so yet, and the client awaits as many such channels as it may.
        case clientAwaitsTooMany
        /// The same, and all clients together await as many such channels as they may.
        case tooManyAwaited(most: Int)
    }

    /// The log of a channel to subscribe to: one that exists, or one that a template could make, which is made now and
    /// is gone again with its last subscriber unless a record comes. Call `unpin` on it once the subscription stands.
    ///
    /// - Parameter mayAwait: whether the client may await one more channel that no record has made yet. Asked for such
    ///   channels only, under a lock: it must not call the router.
    public func openLog(
        ofChannel name: String, mayAwait: () -> Bool = { true }
    ) throws(ChannelRefusal) -> ChannelLog {
        do throws(ChannelDirectory.Refusal) {
            if let log = try directory.pinnedLog(named: name, table: table, mayAwait: mayAwait) { return log }
        } catch {
            switch error {
            case .clientAwaitsTooMany: throw .clientAwaitsTooMany
            case .tooManyAwaited: throw .tooManyAwaited(most: directory.maximumAwaited)
            }
        }
        throw .unknown
    }

    /// Channels that clients are subscribed to although no record has made them yet, and how many may be.
    public var awaitedChannels: (count: Int, most: Int) { (directory.awaitedCount, directory.maximumAwaited) }

    /// Consumers that don't poll now because event loops are too far behind with a channel, the longest wait first.
    public var roomWaits: [RoomWait] { waits.current(monotonicMilliseconds: MonotonicTime.nowMilliseconds()) }

    /// How long consumers have waited like that since the start, by channel or template. Milliseconds.
    public var roomWaitTotals: [(channel: String, milliseconds: Int64)] {
        waits.total(monotonicMilliseconds: MonotonicTime.nowMilliseconds())
    }

    /// The log of a channel that exists; `nil` when there is none of that name.
    public func log(ofChannel name: String) -> ChannelLog? { directory.log(named: name) }

    /// What clients may subscribe to: plain channels by name, then templates as they stand in the file.
    public var channelNames: [String] {
        let table = table
        var seen: Set<ByteString> = []
        let templates = table.routes.flatMap(\.channels).filter { !$0.isPlain }.map(\.text)
        return table.channels.map(\.name).sortedByBytes() + templates.filter { seen.insert(ByteString($0)).inserted }
    }

    /// Logs of the channels that routes name plainly, by name.
    public var plainLogs: [ChannelLog] { directory.plainLogs.sorted { ByteString($0.name) < ByteString($1.name) } }

    /// Every log, also those that templates made, in no order.
    public var allLogs: [ChannelLog] { directory.logs }

    /// Channels that records made of templates and that exist now, by route.
    public var madeChannels: [ByteString: Int] { directory.madeByRoute }

    /// Removes template channels that nobody used for as long as their route says. To be called now and then.
    ///
    /// - Returns: how many were removed.
    @discardableResult
    public func retireIdleChannels() -> Int { retireIdleChannels(monotonicMilliseconds: MonotonicTime.nowMilliseconds()) }

    /// - Parameter now: milliseconds of the monotonic clock.
    @discardableResult
    func retireIdleChannels(monotonicMilliseconds now: Int64) -> Int {
        directory.retireIdle(monotonicMilliseconds: now)
    }

    // MARK: Reload

    /// Puts a table in force. Every consumer thread takes it up before its next batch; channels of both tables live on
    /// with their subscribers; subscribers of channels that are gone get what is in them, and are told.
    ///
    /// - Parameter reason: goes to the clients of channels that are gone.
    /// - Returns: the generation of the table.
    @discardableResult
    public func replace(with table: RouteTable, reason: String) -> Int {
        replacing.withLock { _ in
            // Before the table, so that consumers that take it up find its channels.
            directory.prepare(for: table)
            let (generation, old, unused) = current.withLock { current in
                let (old, unused) = (current.table, current.previous)
                current.previous = old
                current.table = table
                current.generation += 1
                return (current.generation, old, unused)
            }
            // Freed here, outside the lock.
            _ = consume unused
            announcedGeneration.store(generation, ordering: .releasing)
            // A route that was changed, or that is tried again, has stopped at nothing so far.
            for route in table.routes { route.counters.halted(at: nil) }
            for log in directory.prune(for: table, replacing: old) {
                for fanout in fanouts { fanout.eventLoop.execute { fanout.close(log, reason: reason) } }
            }
            return generation
        }
    }

    // MARK: Records

    /// What a consumer thread hands its batches to. To be called on that thread.
    ///
    /// - Parameters:
    ///   - cluster: whose records those are.
    ///   - deadLetters: takes the refused records of routes with `on_error: dead_letter`.
    public func makeProcessor(
        cluster: String = "default", deadLetters: (any DeadLetterWriter)? = nil
    ) -> any RecordProcessor {
        RoutingWorker(router: self, cluster: cluster, deadLetters: deadLetters, observe: observe)
    }

    func countLostDeadLetters(_ count: Int) { lostDeadLetters.wrappingAdd(Int64(count), ordering: .relaxed) }

    func changeWaitingDeadLetters(by count: Int64) { waitingDeadLetters.wrappingAdd(count, ordering: .relaxed) }

    /// Refused records on their way to a dead-letter topic that the brokers have not answered for yet.
    public var deadLettersWaiting: Int64 { waitingDeadLetters.load(ordering: .relaxed) }

    /// Refused records that the dead-letter topic did not take: refused there, or not taken in time.
    public var deadLettersLost: Int64 { lostDeadLetters.load(ordering: .relaxed) }

    /// The last records of each topic, the oldest first: at most `RecordSamples.perTopic` of each.
    public var recentRecords: [(cluster: String, topic: String, records: [SampledRecord])] {
        samples.all.map { ($0.id.cluster, $0.id.topic, $0.records) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    }

    /// Snapshot of plain channels by name, then those of templates, summed over the channels that each has made. Takes a
    /// lock per channel, so it is for scrapes, not for every message.
    public var channelSnapshots: [ChannelSnapshot] { directory.figures }

    /// Seconds from a record's timestamp to its socket write, over all event loops.
    public var deliveryDelay: Histogram.Snapshot {
        fanouts.reduce(Histogram.Snapshot(bounds: HistogramBounds.delay)) { $0 + $1.counters.deliveryDelay.snapshot }
    }

    /// Seconds that passes over the subscribers take, over all event loops.
    public var passDuration: Histogram.Snapshot {
        fanouts.reduce(Histogram.Snapshot(bounds: HistogramBounds.pass)) { $0 + $1.counters.passDuration.snapshot }
    }

    /// Subscribers whose sockets are full, over all event loops; at most about a second old.
    public var slowSubscribers: SlowSubscribers { fanouts.reduce(SlowSubscribers()) { $0 + $1.slowSubscribers } }

    /// Counters of all event loops together.
    public var fanoutSnapshot: FanoutCounters.Snapshot {
        fanouts.reduce(FanoutCounters.Snapshot()) { $0 + $1.counters.snapshot }
    }
}
