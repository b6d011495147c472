public import NIOCore
import PatchbayAPI
import Synchronization

/// Hands new messages to the subscribers of one event loop: one pass walks them and gives each one slice of everything
/// since its position. While a pass runs, new messages gather; load itself makes batches larger.
///
/// Long passes are cut into turns of a few milliseconds, so that handshakes and control frames are served in between.
///
/// Thread: loop, but for `notify(of:)`, which consumer threads call.
public final class Fanout: @unchecked Sendable {
    // Sound: everything mutable below is used on `eventLoop` only, which preconditionInEventLoop enforces;
    // `inbox`, `isWakeUpPending` and `counters` synchronise themselves.

    /// How long a pass may hold the event loop before others get a turn. Nanoseconds.
    static let turnLength: Int64 = 4_000_000
    /// How far off the next turn is put: long enough not to be due at once, short beside a turn.
    static let pause = TimeAmount.microseconds(20)
    /// The most one visit hands to one subscriber, which bounds what a stalled subscriber keeps alive.
    static let visitBytes = 256 << 10
    /// Receivers that are flushed between two looks at the clock.
    private static let smallWritesTogether = 64
    private static let largeWritesTogether = 16

    /// The subscribers of one channel on this loop.
    private final class LocalChannel {
        let log: ChannelLog
        /// Empty slots stay until no pass is running, so that a pass can be interrupted anywhere.
        var subscriptions: [Subscription?] = []
        var count = 0
        var emptySlots = 0
        /// Up to where this loop has taken messages out of the log.
        var taken: Int64
        /// From where on they are still needed, as the log knows it.
        var needed: Int64
        /// Whether `needed` is to be looked at when the pass is done.
        var isTouched = false
        /// Whether its last subscriber has left.
        var isDetached = false
        /// Subscriptions that are stalled: for them the log holds on to its newest messages.
        var stalled = 0

        init(log: ChannelLog, position: Int64) {
            self.log = log
            taken = position
            needed = position
        }
    }

    /// Where an interrupted pass goes on.
    private enum Step {
        case idle
        case taking
        case writing(LocalChannel, ChannelLog.View, nextSlot: Int)
        case flushing(next: Int)
    }

    public let eventLoop: any EventLoop
    /// This loop's bit in the logs' masks, 0..<64.
    public let index: Int
    public let counters = FanoutCounters()

    private let pacing: Pacing
    private let flusher: (any PassFlusher)?
    private let inbox = Mutex<[ChannelLog]>([])
    private let isWakeUpPending = Atomic<Bool>(false)

    private var channels: [ObjectIdentifier: LocalChannel] = [:]
    private var step = Step.idle
    private var pending: [ChannelLog] = []
    private var awaitingFlush: [any MessageReceiver] = []
    /// Subscribers that were cut off at `visitBytes` and get the rest in the next turn.
    private var unfinished: [Subscription] = []
    private var withEmptySlots: [LocalChannel] = []
    /// Subscriptions that are stalled.
    private var stalledCount = 0
    private let slow = Mutex(SlowSubscribers())
    private var touched: [LocalChannel] = []
    private var restUntil = NIODeadline.uptimeNanoseconds(0)
    private var isTimerSet = false
    private var figures = FanoutCounters.Snapshot()
    private var delays = DeliveryDelays()
    private var passDurations = HistogramBuffer(bounds: HistogramBounds.pass)
    private var passNumber: UInt32 = 0
    private var passCost: Int64 = 0
    private var passWrites = 0
    private var passMessages = 0
    private var passBytes = 0

    /// - Parameter flusher: flushes receivers together; without one each is flushed by itself.
    public init(eventLoop: any EventLoop, index: Int, pacing: Pacing = Pacing(), flusher: (any PassFlusher)? = nil) {
        self.eventLoop = eventLoop
        self.index = index
        self.pacing = pacing
        self.flusher = flusher
    }

    // MARK: From consumer threads

    /// Says that these logs have news. Costs one hop to the event loop, and only if none is under way.
    ///
    /// Thread: any.
    func notify(of logs: [ChannelLog]) {
        inbox.withLock { $0.append(contentsOf: logs) }
        if !isWakeUpPending.exchange(true, ordering: .acquiringAndReleasing) {
            eventLoop.execute { self.wakeUp() }
        }
    }

    // MARK: Subscriptions

    /// Adds a subscriber that gets every message from a position on.
    public func subscribe(
        _ receiver: any MessageReceiver, to log: ChannelLog, from start: StartPosition = .head
    ) -> Subscription {
        eventLoop.preconditionInEventLoop()
        let local: LocalChannel
        if let existing = channels[ObjectIdentifier(log)] {
            local = existing
        } else {
            local = LocalChannel(log: log, position: log.attach(loop: index))
            channels[ObjectIdentifier(log)] = local
        }
        // Once this loop is attached: what comes from here on is kept for it.
        let subscription = Subscription(
            log: log, receiver: receiver, position: log.position(of: start), slot: local.subscriptions.count)
        local.subscriptions.append(subscription)
        local.count += 1
        log.countSubscribers(1)
        return subscription
    }

    /// Removes a subscriber. It gets nothing more, not even in a pass under way.
    public func unsubscribe(_ subscription: Subscription) {
        eventLoop.preconditionInEventLoop()
        guard let local = channels[ObjectIdentifier(subscription.log)],
            subscription.slot >= 0, local.subscriptions[subscription.slot] === subscription
        else { return }
        local.subscriptions[subscription.slot] = nil
        subscription.slot = -1
        if subscription.isStalled {
            // What the buffer's rule took from it is lost, though no gap will tell: the client is leaving.
            countLost(subscription)
            resume(subscription, isLeaving: true)
        }
        local.count -= 1
        local.emptySlots += 1
        subscription.log.countSubscribers(-1)
        if local.count == 0 {
            channels[ObjectIdentifier(subscription.log)] = nil
            local.isDetached = true
            subscription.log.detach(loop: index)
        } else if case .idle = step {
            compact(local)
            // The one that was stalled may be the one that left; no pass may come soon.
            releaseTaken()
        } else {
            withEmptySlots.append(local)
        }
    }

    /// Ends a channel: its subscribers get what is in the log, or are told how much of it they miss, then that the channel
    /// is gone.
    ///
    /// - Parameter reason: one sentence for the clients.
    func close(_ log: ChannelLog, reason: String) {
        eventLoop.preconditionInEventLoop()
        guard let local = channels[ObjectIdentifier(log)] else { return }
        let farewell = ControlMessage.channelClosed(log.name, reason: reason)
        for case let subscription? in local.subscriptions {
            let receiver = subscription.receiver
            handOutRest(to: subscription, reason: "channel_closed")
            receiver.write(farewell)
            unsubscribe(subscription)
            receiver.flush()
            receiver.subscriptionEnded(subscription)
        }
    }

    /// Everything up to the head, as far as the receiver takes it; what it doesn't take is a gap, which is counted.
    ///
    /// - Parameter reason: why the subscriber can't have the rest later.
    /// - Returns: messages that it doesn't get.
    @discardableResult public func handOutRest(to subscription: Subscription, reason: String) -> Int64 {
        eventLoop.preconditionInEventLoop()
        let receiver = subscription.receiver
        while receiver.isWritable {
            let before = subscription.position
            visit(subscription)
            guard subscription.position > before else { break }
            receiver.flush()
        }
        let missed = subscription.log.head - subscription.position
        guard missed > 0 else { return 0 }
        receiver.write(.gap(channel: subscription.log.name, dropped: missed, reason: reason))
        subscription.position += missed
        subscription.dropped += missed
        countDropped(max(0, missed - subscription.countedDropped), of: subscription.log)
        resume(subscription)
        return missed
    }

    // MARK: Slow subscribers

    /// As of the last look.
    ///
    /// Thread: any.
    public var slowSubscribers: SlowSubscribers { slow.withLock { $0 } }

    /// Looks for subscribers whose sockets stay full: a pass passes them over, so nobody would hear of them, or of what
    /// they lose, until they read again or leave. To be called about once a second; costs next to nothing while there
    /// are none.
    public func lookForSlowSubscribers() {
        eventLoop.preconditionInEventLoop()
        var found = SlowSubscribers()
        defer { slow.withLock { $0 = found } }
        guard stalledCount > 0 else { return }
        found.stalled = stalledCount
        for local in channels.values {
            let head = local.log.head
            let buffer = Int64(local.log.limits.messageBuffer)
            for case let subscription? in local.subscriptions where subscription.isStalled {
                let behind = head - subscription.position
                found.furthestBehind = max(found.furthestBehind, behind)
                guard behind > buffer else { continue }
                found.losing += 1
                countLost(subscription)
                found.name(
                    .init(
                        connection: subscription.receiver.name, client: subscription.receiver.details, channel: local.log.name,
                        behind: behind, since: subscription.stalledSince))
                guard !subscription.isToldOfLoss else { continue }
                subscription.isToldOfLoss = true
                subscription.receiver.losesMessages(subscription, behind: behind)
            }
        }
    }

    /// Counts what a stalled subscriber can't have any more, so that counters move while it is stalled.
    private func countLost(_ subscription: Subscription) {
        let log = subscription.log
        let lost = log.head - Int64(log.limits.messageBuffer) - subscription.position
        let uncounted = lost - subscription.countedDropped
        guard uncounted > 0 else { return }
        subscription.countedDropped = lost
        countDropped(uncounted, of: log)
    }

    /// Outside a pass: with its figures it would be counted at its end, and none may come any more.
    private func countDropped(_ messages: Int64, of log: ChannelLog) {
        log.countDropped(messages)
        var figures = FanoutCounters.Snapshot()
        figures.dropped = messages
        counters.add(figures)
    }

    /// To be called when a receiver has room again: the next pass gives its subscriptions what they missed meanwhile.
    public func receiverBecameWritable(subscriptions: some Sequence<Subscription>) {
        eventLoop.preconditionInEventLoop()
        let before = unfinished.count
        for subscription in subscriptions where subscription.isStalled { finishLater(subscription) }
        if unfinished.count > before, case .idle = step { scheduleNextPass() }
    }

    /// Runs passes until every subscriber that can take messages has all of them. For the end of a drain.
    public func passNow() {
        eventLoop.preconditionInEventLoop()
        while true {
            run(until: .distantFuture)
            if unfinished.isEmpty, inbox.withLock({ $0.isEmpty }) { return }
        }
    }

    // MARK: The pass

    private func wakeUp() {
        // A pass under way looks into the inbox when it is done. While resting, the flag stays set: consumers need
        // not hop here again.
        guard case .idle = step, !isTimerSet else { return }
        let now = eventLoop.now
        if now < restUntil {
            setTimer()
        } else {
            run(until: now + .nanoseconds(Self.turnLength))
        }
    }

    private func scheduleNextPass() {
        if !isWakeUpPending.exchange(true, ordering: .acquiringAndReleasing) { afterOthers { self.wakeUp() } }
    }

    /// Goes on after the event loop has looked at its sockets. `execute` would not do: an event loop runs tasks until
    /// none is left before it looks again, and here there may always be one more.
    private func afterOthers(_ body: @escaping () -> Void) {
        eventLoop.assumeIsolated().scheduleTask(in: Self.pause, body)
    }

    private func setTimer() {
        isTimerSet = true
        eventLoop.scheduleTask(deadline: restUntil) {
            self.isTimerSet = false
            if case .idle = self.step { self.run(until: self.eventLoop.now + .nanoseconds(Self.turnLength)) }
        }
    }

    /// Goes on with the pass until it is done or the turn is over; then the rest follows in another turn.
    private func run(until end: NIODeadline) {
        let start = eventLoop.now
        if case .idle = step {
            step = .taking
            figures.passes = 1
            passNumber &+= 1
            // Before looking into the inbox, so that news after the look causes another wake-up.
            isWakeUpPending.store(false, ordering: .sequentiallyConsistent)
            inbox.withLock { swap(&$0, &pending) }
            let resumed = unfinished
            unfinished.removeAll(keepingCapacity: true)
            for subscription in resumed {
                subscription.isUnfinished = false
                if subscription.slot >= 0 { visit(subscription) }
            }
        }
        var isOver = false
        while !isOver {
            switch step {
            case .idle:
                isOver = true
            case .taking:
                if let log = pending.popLast() {
                    if let local = channels[ObjectIdentifier(log)] {
                        let view = log.take(loop: index)
                        local.taken = view.head
                        touch(local)
                        step = .writing(local, view, nextSlot: 0)
                    } else {
                        log.lookWithoutReaders(loop: index)
                    }
                } else {
                    step = .flushing(next: 0)
                }
            case .writing(let local, let view, let nextSlot):
                let reached = write(view, of: local, from: nextSlot, until: end)
                if reached < local.subscriptions.count {
                    step = .writing(local, view, nextSlot: reached)
                    isOver = true
                } else {
                    step = .taking
                }
            case .flushing(let next):
                let reached = flush(from: next, until: end)
                if reached < awaitingFlush.count {
                    step = .flushing(next: reached)
                    isOver = true
                } else {
                    awaitingFlush.removeAll(keepingCapacity: true)
                    step = .idle
                    isOver = true
                }
            }
        }
        passCost += (eventLoop.now - start).nanoseconds
        finishPassIfDone()
        if case .idle = step { return }
        afterOthers { self.run(until: self.eventLoop.now + .nanoseconds(Self.turnLength)) }
    }

    private func finishPassIfDone() {
        guard case .idle = step else { return }
        figures.nanoseconds = passCost
        counters.add(figures)
        delays.finish(into: counters.deliveryDelay)
        passDurations.observe(Double(passCost) / 1e9)
        counters.passDuration.take(&passDurations)
        restUntil =
            eventLoop.now + .nanoseconds(pacing.rest(afterCost: passCost, writes: passWrites, messages: passMessages, bytes: passBytes))
        figures = FanoutCounters.Snapshot()
        passCost = 0
        passWrites = 0
        passMessages = 0
        passBytes = 0
        releaseTaken()
        for local in withEmptySlots { compact(local) }
        withEmptySlots.removeAll(keepingCapacity: true)
        // A wake-up that came during the pass was passed over; clear the flag before looking for what it announced.
        isWakeUpPending.store(false, ordering: .sequentiallyConsistent)
        if !unfinished.isEmpty || inbox.withLock({ !$0.isEmpty }) { scheduleNextPass() }
    }

    /// Queues `view` for the channel's subscribers from a slot on, and returns the slot to go on from.
    private func write(_ view: ChannelLog.View, of local: LocalChannel, from slot: Int, until end: NIODeadline) -> Int {
        guard view.head > view.first else { return local.subscriptions.count }
        var size = 0
        for batch in view.batches { size += batch.bytes.readableBytes }
        let fitsOneVisit = size <= Self.visitBytes
        let messages = view.head - view.first
        var slot = slot
        var served: Int64 = 0
        defer {
            for batch in view.batches { delays.add(oldest: batch.oldestRecord, deliveries: served * Int64(batch.count)) }
        }
        while slot < local.subscriptions.count {
            // Looking at the clock costs about as much as queueing for one subscriber.
            if slot & 31 == 31, eventLoop.now > end { return slot }
            defer { slot += 1 }
            guard let subscription = local.subscriptions[slot], subscription.position < view.head else { continue }
            // A pass hands nobody more than one visit.
            guard subscription.visitedInPass != passNumber else {
                finishLater(subscription)
                continue
            }
            // The common case: it had everything up to the last pass, so it gets the very same slices as all others.
            if subscription.position == view.first, fitsOneVisit, !subscription.isStalled {
                let receiver = subscription.receiver
                guard receiver.isWritable else {
                    stall(subscription)
                    continue
                }
                var written = size
                if let framing = subscription.framing {
                    written = write(view.batches, of: local.log, in: framing, to: receiver)
                } else {
                    for batch in view.batches { receiver.write(frames: batch.bytes) }
                }
                subscription.position = view.head
                count(receiver, bytes: written, messages: messages)
                served += 1
            } else {
                visit(subscription)
            }
        }
        return slot
    }

    /// The same in another form than the log keeps.
    ///
    /// - Returns: bytes written.
    @inline(never)
    private func write(
        _ batches: [SealedBatch], of log: ChannelLog, in framing: any Framing, to receiver: any MessageReceiver
    ) -> Int {
        batches.reduce(0) { sum, batch in
            let bytes = log.frames(of: batch, in: framing).bytes
            receiver.write(frames: bytes)
            return sum + bytes.readableBytes
        }
    }

    /// Gives one subscriber what it misses, after dropping what it can't have any more.
    private func visit(_ subscription: Subscription) {
        let receiver = subscription.receiver
        subscription.visitedInPass = passNumber
        guard receiver.isWritable else {
            stall(subscription)
            return
        }
        let reading = subscription.log.read(
            from: subscription.position, maxBytes: Self.visitBytes,
            keepingNewest: subscription.isStalled ? subscription.log.limits.messageBuffer : nil)
        if reading.missed > 0 {
            let reason = subscription.isStalled ? "slow_consumer" : "overrun"
            receiver.write(.gap(channel: subscription.log.name, dropped: reading.missed, reason: reason))
            subscription.dropped += reading.missed
            let uncounted = subscription.isStalled ? max(0, reading.missed - subscription.countedDropped) : reading.missed
            subscription.log.countDropped(uncounted)
            figures.dropped += uncounted
            if !subscription.isStalled { figures.overrun += reading.missed }
        }
        resume(subscription)
        var written = 0
        for part in reading.parts {
            let bytes = subscription.framing.map { subscription.log.frames(of: part.batch, in: $0).slice(part.range) } ?? part.bytes
            receiver.write(frames: bytes)
            written += bytes.readableBytes
        }
        let start = subscription.position + reading.missed
        subscription.position = reading.next
        if reading.next < reading.head { finishLater(subscription) }
        delays.add(oldest: reading.oldestRecord, deliveries: reading.next - start)
        if reading.next > start || reading.missed > 0 {
            count(receiver, bytes: written, messages: reading.next - start)
        }
    }

    private func stall(_ subscription: Subscription) {
        guard subscription.stall(now: eventLoop.now) else { return }
        stalledCount += 1
        guard let local = channels[ObjectIdentifier(subscription.log)] else { return }
        local.stalled += 1
        touch(local)
    }

    private func resume(_ subscription: Subscription, isLeaving: Bool = false) {
        // Counted, and not told any more when it leaves.
        let untold = isLeaving ? subscription.countedDropped : 0
        guard subscription.resume() else { return }
        stalledCount -= 1
        if subscription.isToldOfLoss {
            subscription.isToldOfLoss = false
            subscription.receiver.stoppedLosing(subscription, lost: subscription.dropped + untold, isLeaving: isLeaving)
        }
        guard let local = channels[ObjectIdentifier(subscription.log)] else { return }
        local.stalled -= 1
        touch(local)
    }

    private func touch(_ local: LocalChannel) {
        guard !local.isTouched else { return }
        local.isTouched = true
        touched.append(local)
    }

    /// Lets go of what everybody has been handed. Subscribers that were cut off at the end of their visit still need
    /// theirs; stalled ones have only the log's buffer.
    private func releaseTaken() {
        for local in touched { local.needed = local.taken }
        for subscription in unfinished where !subscription.isStalled {
            guard let local = channels[ObjectIdentifier(subscription.log)] else { continue }
            local.needed = min(local.needed, subscription.position)
        }
        let released = touched
        touched.removeAll(keepingCapacity: true)
        // One that was given up says nothing: the log may have new subscribers on this loop by now.
        for local in released where !local.isDetached {
            local.log.release(loop: index, before: local.needed, hasStalled: local.stalled > 0)
            local.isTouched = false
            // To be looked at again once those have theirs.
            if local.needed < local.taken { touch(local) }
        }
    }

    private func finishLater(_ subscription: Subscription) {
        guard !subscription.isUnfinished else { return }
        subscription.isUnfinished = true
        unfinished.append(subscription)
    }

    private func count(_ receiver: any MessageReceiver, bytes: Int, messages: Int64) {
        figures.writes += 1
        figures.bytesWritten += Int64(bytes)
        figures.deliveries += messages
        passMessages += Int(messages)
        passBytes += bytes
        if !receiver.isAwaitingFlush {
            // What a client gets of several channels goes out at once.
            passWrites += 1
            receiver.isAwaitingFlush = true
            awaitingFlush.append(receiver)
        }
    }

    private func flush(from start: Int, until end: NIODeadline) -> Int {
        // Large writes take their time each; small ones are better off the more go together.
        let group = passBytes < passWrites * pacing.efficientWriteBytes ? Self.smallWritesTogether : Self.largeWritesTogether
        var next = start
        while next < awaitingFlush.count {
            if next > start, eventLoop.now > end { return next }
            let receivers = awaitingFlush[next..<min(next + group, awaitingFlush.count)]
            next = receivers.endIndex
            for receiver in receivers { receiver.isAwaitingFlush = false }
            if let flusher {
                flusher.flush(receivers)
            } else {
                for receiver in receivers { receiver.flush() }
            }
        }
        return next
    }

    private func compact(_ local: LocalChannel) {
        // Rare removals among many subscribers wait until they are worth a walk.
        guard local.emptySlots > 16, local.emptySlots * 4 > local.subscriptions.count else { return }
        local.subscriptions.removeAll { $0 == nil }
        for (slot, subscription) in local.subscriptions.enumerated() { subscription?.slot = slot }
        local.emptySlots = 0
    }
}
