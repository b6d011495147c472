public import NIOCore

/// A connection as the fan-out sees it: something that takes slices of frames.
///
/// Thread: loop.
public protocol MessageReceiver: AnyObject {
    /// The form in which it takes the messages of channels; `nil` for the one that logs keep. Never changes.
    var framing: (any Framing)? { get }
    /// Whether the socket and the little that waits before it have room. While false nothing is written to it.
    var isWritable: Bool { get }
    /// Queues ready-made frames without flushing. Shared bytes: never modified.
    func write(frames: ByteBuffer)
    /// Queues a message that is no record behind them, without flushing.
    func write(_ message: ControlMessage)
    /// Hands everything queued to the socket.
    func flush()
    /// Its name in the log.
    var name: String { get }
    /// The subscription has fallen further behind than the channel's buffer because the socket stays full. Told once, about
    /// a second later, until it takes messages again.
    ///
    /// - Parameter behind: messages between what was handed out last and the newest.
    func losesMessages(_ subscription: Subscription, behind: Int64)
    /// What else is known of the client.
    var details: ClientDetails { get }
    /// After `losesMessages`: the subscription takes messages again, or it is over.
    ///
    /// - Parameter lost: messages that it has lost in all, since it began.
    func stoppedLosing(_ subscription: Subscription, lost: Int64, isLeaving: Bool)
    /// The channel of the subscription was removed; the client was told. The subscription is over.
    func subscriptionEnded(_ subscription: Subscription)
    /// Set by the fan-out while the receiver waits for its flush in the current pass.
    var isAwaitingFlush: Bool { get set }
}

extension MessageReceiver {
    public var framing: (any Framing)? { nil }
    public var details: ClientDetails { ClientDetails() }
    public func stoppedLosing(_ subscription: Subscription, lost: Int64, isLeaving: Bool) {}
}

/// Flushes what a pass has queued for many receivers, so that what is the same for all of them is done once.
///
/// Thread: loop.
public protocol PassFlusher: AnyObject {
    /// Flushes all of them, in any order.
    func flush(_ receivers: ArraySlice<any MessageReceiver>)
}

/// Where a subscription begins.
public enum StartPosition: Sendable, Equatable {
    /// With the next message.
    case head
}

/// One connection's reader of one channel: a cursor into the channel log.
///
/// Thread: loop.
public final class Subscription {
    // What a pass looks at comes first, in one cache line, and what only losers need is kept apart: there is one of these for every
    // channel of every client.

    // Sound: a receiver ends its subscriptions before it goes, and the fan-out looks at `slot` or `subscriptions` before it comes here. Checked
    // at every look, it cost a tenth of what one small message does.
    unowned(unsafe) let receiver: any MessageReceiver
    /// Channel offset of the next message this subscriber gets.
    public internal(set) var position: Int64
    /// The last pass in which it was visited; wraps around.
    var visitedInPass: UInt32 = 0
    private var place: Int32
    /// Whether the receiver was found unwritable since it last had everything. Only then does falling behind by more
    /// than the channel's buffer drop messages: a subscriber must not pay for the server's own pacing.
    private(set) var isStalled = false
    /// Whether it waits in the fan-out's list of those that get more in the next pass.
    var isUnfinished = false
    private let isFramed: Bool
    /// `nil` until something went wrong.
    private var losses: Losses?
    /// The channel's log.
    public let log: ChannelLog

    private final class Losses {
        var stalledSince: UInt64 = 0
        var counted: Int64 = 0
        var isTold = false
        var dropped: Int64 = 0
    }

    init(log: ChannelLog, receiver: any MessageReceiver, position: Int64, slot: Int) {
        self.log = log
        self.receiver = receiver
        self.isFramed = receiver.framing != nil
        self.position = position
        self.place = Int32(truncatingIfNeeded: slot)
    }

    /// Its place among the channel's subscriptions of its loop; -1 once it is over.
    var slot: Int {
        get { Int(place) }
        set { place = Int32(truncatingIfNeeded: newValue) }
    }

    /// The receiver's.
    var framing: (any Framing)? { isFramed ? receiver.framing : nil }

    /// Since when it is stalled. Nanoseconds of the monotonic clock.
    var stalledSince: UInt64 { losses?.stalledSince ?? 0 }

    /// Messages counted as dropped since then, ahead of the gap that will tell the client.
    var countedDropped: Int64 {
        get { losses?.counted ?? 0 }
        set { withLosses.counted = newValue }
    }

    /// Whether the receiver was told that it loses messages, since then.
    var isToldOfLoss: Bool {
        get { losses?.isTold ?? false }
        set { withLosses.isTold = newValue }
    }

    /// Messages it was told it missed, in total.
    public internal(set) var dropped: Int64 {
        get { losses?.dropped ?? 0 }
        set { withLosses.dropped = newValue }
    }

    private var withLosses: Losses {
        if let losses { return losses }
        let made = Losses()
        losses = made
        return made
    }

    /// Its socket is full.
    /// - Returns: whether that is new.
    func stall(now: NIODeadline) -> Bool {
        guard !isStalled else { return false }
        isStalled = true
        withLosses.stalledSince = now.uptimeNanoseconds
        countedDropped = 0
        isToldOfLoss = false
        return true
    }

    /// It takes messages again.
    /// - Returns: whether that is new.
    func resume() -> Bool {
        // What was counted ahead has been told by a gap now, or never will be. A loss that comes later is another one.
        losses?.counted = 0
        defer { isStalled = false }
        return isStalled
    }
}

/// What people know a client by, as far as it is known. Bounded and harmless text, ready to be shown.
public struct ClientDetails: Sendable, Equatable {
    /// Without its port.
    public var address: String?
    /// The web page it is; `nil` for other programs.
    public var origin: String?
    /// What it calls its own software; only kept when there is no origin, which says more.
    public var userAgent: String?
    /// The name that it gave itself.
    public var name: String?

    public init(address: String? = nil, origin: String? = nil, userAgent: String? = nil, name: String? = nil) {
        self.address = address
        self.origin = origin
        self.userAgent = userAgent
        self.name = name
    }
}
