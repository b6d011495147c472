public import NIOCore
import Synchronization

/// One channel's messages as ready-made frames: consumer threads append to a ring (`BatchRing`), and event loops read it. A
/// subscriber is a position in it; nothing is queued per subscriber.
///
/// The ring holds what somebody may still need and nothing else: everything an event loop has not handed out yet; while a
/// subscriber is stalled, the newest `messageBuffer` messages for it; and `history`. `maximumBytes` bounds all of it, other
/// framings of the same messages included. A log without subscribers and without a history holds nothing. Positions that
/// are no longer held are a gap.
///
/// Thread: any; one lock. Appending locks once per batch, reading once per pass.
public final class ChannelLog: Sendable {
    /// How much a log may hold.
    public struct Limits: Sendable, Equatable {
        /// Messages a stalled subscriber may fall behind before the oldest are dropped for it.
        public var messageBuffer: Int
        /// Bytes of frames the log holds at the most, for all readers together.
        public var maximumBytes: Int
        /// Bytes not yet handed out by an event loop from which consumers stop polling for a while.
        public var backlogBytes: Int
        /// What is held for subscribers that come later.
        public var history: History

        public init(
            messageBuffer: Int = 100, maximumBytes: Int = 32 << 20, backlogBytes: Int = 8 << 20, history: History = .none
        ) {
            self.messageBuffer = messageBuffer
            self.maximumBytes = maximumBytes
            self.backlogBytes = backlogBytes
            self.history = history
        }
    }

    /// How much a log holds whether or not somebody reads it. Apart from the bound for slow subscribers: what a newcomer may still
    /// see and how far somebody may fall behind are two wishes.
    public struct History: Sendable, Equatable {
        /// The newest messages; 0 is no history.
        public var messages: Int
        /// Bytes that those may take.
        public var bytes: Int

        public static let none = History(messages: 0, bytes: 0)

        public init(messages: Int, bytes: Int) {
            self.messages = messages
            self.bytes = bytes
        }
    }

    /// What an event loop takes out in one pass: everything since its last one.
    public struct View: Sendable {
        /// Channel offset of the first message of `batches`; later than the loop's last position when messages were
        /// dropped from the log before this loop came to them.
        public var first: Int64
        /// Channel offset after the newest message.
        public var head: Int64
        public var batches: [SealedBatch]
    }

    /// What a reader at its own pace gets.
    public struct Reading: Sendable {
        /// Messages between the asked position and the first one read that are no longer held.
        public var missed: Int64
        var parts: [SealedBatch.Part]
        /// Where to read on.
        public var next: Int64
        /// Channel offset after the newest message.
        public var head: Int64
        /// Bytes in `parts`, in the form that the log keeps.
        public var byteCount: Int
        /// Timestamp of the oldest record of the batches read from; -1 when there is none.
        var oldestRecord: Int64 = -1

        /// What was read, in the form that the log keeps.
        public var slices: [ByteBuffer] { parts.map(\.bytes) }
    }

    private struct State {
        var ring = BatchRing()
        /// The event loops that have subscribers here.
        var loops: [Reader] = []
        /// When messages last came, or a reader left, or the log was made. Milliseconds of the monotonic clock.
        var lastUse = MonotonicTime.nowMilliseconds()
        /// Subscribers under way that are not counted yet.
        var pins = 0
    }

    /// An event loop that has subscribers here.
    private struct Reader {
        let loop: Int
        /// Up to where it has taken.
        var taken: Int64
        /// From where on it still needs the messages, because subscribers that read well have not been handed them yet.
        var needed: Int64
        /// Whether some of its subscribers are stalled, and may have the newest `messageBuffer` messages later.
        var hasStalled = false
    }

    public let name: String
    private let bounds: Limits
    private let messageBuffer: Atomic<Int>
    private let retired = Atomic<Bool>(false)
    private let awaited = Atomic<Bool>(false)
    private let whenUnused: (@Sendable (ChannelLog) -> Void)?
    private let state: Mutex<State>
    private let wakeBits = WakeBits()
    private let droppedForSubscribers = Atomic<Int64>(0)
    private let subscribers = Atomic<Int>(0)

    /// - Parameter whenUnused: called outside any lock, on the thread that caused it, whenever the last subscriber has
    ///   left and none is under way. By then there may be one again.
    public init(
        name: String, limits: Limits = Limits(), whenUnused: (@Sendable (ChannelLog) -> Void)? = nil
    ) {
        self.name = name
        self.bounds = limits
        self.whenUnused = whenUnused
        self.messageBuffer = Atomic(limits.messageBuffer)
        self.state = Mutex(State())
    }

    public var limits: Limits {
        var limits = bounds
        limits.messageBuffer = messageBuffer.load(ordering: .relaxed)
        return limits
    }

    // MARK: Lifetime (Thread: any)

    /// Changes how far a stalled subscriber may fall behind. Subscribers keep their place.
    func setMessageBuffer(_ messages: Int) { messageBuffer.store(messages, ordering: .relaxed) }

    /// Nothing that is appended from now on reaches anybody: the channel was removed, or a new log has its name.
    func retire() { retired.store(true, ordering: .releasing) }

    var isRetired: Bool { retired.load(ordering: .acquiring) }

    /// Whether a client asked for the channel and no record has made it yet. The directory says so.
    public var isAwaited: Bool { awaited.load(ordering: .relaxed) }

    func setAwaited(_ isAwaited: Bool) { awaited.store(isAwaited, ordering: .relaxed) }

    /// Announces a subscriber, which `unpin` or `subscribe` makes good.
    func pin() { state.withLock { $0.pins += 1 } }

    /// Ends what `pin` began.
    public func unpin() {
        let isUnused = state.withLock { state in
            state.pins -= 1
            return state.loops.isEmpty && state.pins == 0
        }
        if isUnused { whenUnused?(self) }
    }

    /// Whether it has no subscribers and none under way.
    var isUnused: Bool { state.withLock { $0.loops.isEmpty && $0.pins == 0 } }

    /// Whether it is unused and had no messages since then.
    ///
    /// - Parameter time: milliseconds of the monotonic clock.
    func isIdle(since time: Int64) -> Bool {
        state.withLock { $0.loops.isEmpty && $0.pins == 0 && $0.lastUse <= time }
    }

    // MARK: Appending (Thread: consumer)

    /// Appends all frames of a batch in order and gives them consecutive channel offsets.
    ///
    /// - Parameter now: milliseconds of the monotonic clock.
    func append(_ staging: borrowing FrameStaging, monotonicMilliseconds now: Int64 = MonotonicTime.nowMilliseconds()) {
        guard !staging.isEmpty else { return }
        state.withLock { state in
            state.lastUse = now
            guard !state.loops.isEmpty || bounds.history.messages > 0 else { return state.ring.pass(staging) }
            state.ring.append(staging)
            evict(&state)
        }
    }

    /// The event loops to tell of news, as bits: those with subscribers that have not been told since they last looked.
    func loopsToTell() -> UInt64 { wakeBits.loopsToTell() }

    /// Whether event loops are so far behind that appending on would soon lose messages for all subscribers.
    var isBacklogged: Bool {
        state.withLock { state in
            guard let needed = state.loops.lazy.map(\.needed).min() else { return false }
            return state.ring.holds(moreThan: bounds.backlogBytes, from: needed)
        }
    }

    // MARK: Reading (Thread: loop)

    /// Adds an event loop's first subscriber.
    ///
    /// - Parameter loop: index of the loop, 0..<64.
    /// - Returns: the head: what comes from now on will be taken from there.
    func attach(loop: Int) -> Int64 {
        // Before the head is read; `WakeBits` says why.
        wakeBits.run(WakeBits.joining, loop: loop)
        return state.withLock { state in
            // `take` relies on a loop's position being a seal point.
            state.ring.seal()
            state.loops.append(Reader(loop: loop, taken: state.ring.head, needed: state.ring.head))
            return state.ring.head
        }
    }

    /// Removes an event loop that has no subscribers any more.
    func detach(loop: Int) {
        wakeBits.run(WakeBits.leaving, loop: loop)
        let isUnused = state.withLock { state in
            state.loops.removeAll { $0.loop == loop }
            if state.loops.isEmpty, bounds.history.messages == 0 { state.ring.removeAll() } else { evict(&state) }
            state.lastUse = MonotonicTime.nowMilliseconds()
            return state.loops.isEmpty && state.pins == 0
        }
        if isUnused { whenUnused?(self) }
    }

    /// A look of a loop that has no subscribers here any more: it was told before they left.
    func lookWithoutReaders(loop: Int) { wakeBits.look(loop: loop) }

    /// Everything since this loop's last look, as sealed batches. The log goes on holding it until `release`.
    func take(loop: Int) -> View {
        // Before reading: a record appended after this and before the lock is read now and costs one idle look later.
        wakeBits.look(loop: loop)
        return state.withLock { state in
            state.ring.seal()
            guard let index = state.loops.firstIndex(where: { $0.loop == loop }) else {
                return View(first: state.ring.head, head: state.ring.head, batches: [])
            }
            let from = state.loops[index].taken
            let batches = state.ring.batches(from: from)
            state.loops[index].taken = state.ring.head
            // A loop's position is always a seal point, so the first batch starts exactly there or later.
            return View(first: batches.first?.firstOffset ?? state.ring.head, head: state.ring.head, batches: batches)
        }
    }

    /// Says from where on this loop still needs messages. What no loop needs is let go of.
    ///
    /// - Parameter hasStalled: whether some of its subscribers are stalled: then the newest `messageBuffer` messages stay.
    func release(loop: Int, before position: Int64, hasStalled: Bool = false) {
        state.withLock { state in
            guard let index = state.loops.firstIndex(where: { $0.loop == loop }) else { return }
            state.loops[index].needed = position
            state.loops[index].hasStalled = hasStalled
            evict(&state)
        }
    }

    /// Up to `maxBytes` of messages from `position` on (at least one message if there is any).
    ///
    /// - Parameter keepingNewest: read no more than this many of the newest messages; older ones count as missed.
    func read(from position: Int64, maxBytes: Int, keepingNewest: Int? = nil) -> Reading {
        state.withLock { state in
            state.ring.seal()
            return state.ring.read(from: position, maxBytes: maxBytes, keepingNewest: keepingNewest)
        }
    }

    /// A batch in another form than the log keeps. Made once, and counted in the log's bounds.
    ///
    /// Thread: loop, without the lock while it is made: consumers must not wait for it.
    func frames(of batch: SealedBatch, in framing: any Framing) -> Frames {
        let (frames, isNew) = batch.frames(in: framing)
        if isNew {
            state.withLock { state in
                state.ring.add(derivedBytes: frames.bytes.readableBytes, of: batch)
                evict(&state)
            }
        }
        return frames
    }

    /// Channel offset after the newest message.
    public var head: Int64 { state.withLock { $0.ring.head } }

    /// Channel offset of the first message that a subscriber gets.
    func position(of start: StartPosition) -> Int64 {
        switch start {
        case .head: head
        }
    }

    // MARK: Snapshot (Thread: any)

    /// What the log is doing, for `/health` and metrics.
    public struct Snapshot: Sendable {
        public var messages: Int64
        public var bytesAppended: Int64
        public var bytesRetained: Int
        public var messagesRetained: Int64
        public var dropped: Int64
        public var subscribers: Int
    }

    public var figures: Snapshot {
        state.withLock { state in
            Snapshot(
                messages: state.ring.head,
                bytesAppended: state.ring.appendedBytes,
                bytesRetained: state.ring.byteCount,
                messagesRetained: state.ring.head - state.ring.tail,
                dropped: droppedForSubscribers.load(ordering: .relaxed),
                subscribers: subscribers.load(ordering: .relaxed))
        }
    }

    /// Counts messages that one subscriber was told it missed.
    func countDropped(_ count: Int64) { droppedForSubscribers.wrappingAdd(count, ordering: .relaxed) }

    /// Keeps the number of subscriptions over all event loops.
    func countSubscribers(_ difference: Int) { subscribers.wrappingAdd(difference, ordering: .relaxed) }

    // MARK: Inside the lock

    private func evict(_ state: inout State) {
        var needed = state.ring.head
        for reader in state.loops {
            needed = min(needed, reader.needed)
            if reader.hasStalled {
                needed = min(needed, state.ring.head - Int64(messageBuffer.load(ordering: .relaxed)))
            }
        }
        let history = bounds.history
        if history.messages > 0 {
            needed = min(needed, state.ring.start(ofNewest: history.messages, maxBytes: history.bytes))
        }
        state.ring.evict(before: needed, maximumBytes: bounds.maximumBytes)
    }
}
