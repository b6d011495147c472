/// Which message goes to the webhook next, and what becomes of those that couldn't be delivered.
///
/// Holds the latest state of each alert: a message that is overtaken before it was delivered is never sent. Alerts of
/// the same subject are told in the order in which they happened. Pure: time comes in, decisions come out.
struct WebhookQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Step: Equatable {
        case send(Outgoing)
        /// Nothing may be sent before then.
        case wait(until: Instant)
        /// Nothing is to be sent.
        case idle
    }

    struct Outgoing: Equatable, Sendable {
        var alert: Alert
        /// Milliseconds since 1970; `nil` for a firing alert.
        var endedAt: Int64?
    }

    /// A message that was given up, and why.
    struct Drop: Equatable {
        var alert: Alert
        var reason: String
    }

    private struct Entry {
        let number: UInt64
        var outgoing: Outgoing
        /// Whether `outgoing` waits to be sent. An entry that doesn't remembers that the firing message was delivered.
        var isPending = true
        var isFiringDelivered = false
        /// An attempt failed in a way that leaves open whether the receiver has read the firing message.
        var mayHaveArrived = false
        var wasTriedWhileClosing = false
    }

    private let capacity: Int
    private var delay: RetryDelay
    private let longestWait: Duration
    private var entries: [String: Entry] = [:]
    /// Ids with something to send, the next one first. One that failed goes to the end, so that a message the receiver
    /// chokes on doesn't hold up the others.
    private var order: [String] = []
    private var inFlight: (id: String, outgoing: Outgoing)?
    private var notBefore: Instant?
    private var nextNumber: UInt64 = 0
    private var isClosing = false

    /// - Parameter capacity: alerts remembered at a time.
    init(delay: RetryDelay, longestWait: Duration, capacity: Int = 1000) {
        self.delay = delay
        self.longestWait = longestWait
        self.capacity = max(1, capacity)
    }

    /// Messages not delivered yet.
    var pending: Int { order.count }
    /// Alerts remembered.
    var count: Int { entries.count }

    /// Takes an event in.
    ///
    /// - Returns: messages that will never be sent because of it.
    mutating func take(_ event: AlertEvent) -> [Drop] {
        let id = event.alert.id
        switch event {
        case .started(let alert):
            guard entries[id] == nil else { return [] }
            var drops: [Drop] = []
            if entries.count >= capacity {
                guard let room = makeRoom() else { return [Drop(alert: alert, reason: "too many alerts")] }
                drops = room
            }
            entries[id] = Entry(number: nextNumber, outgoing: Outgoing(alert: alert))
            nextNumber += 1
            order.append(id)
            return drops
        case .updated(let alert):
            if entries[id]?.isPending == true, entries[id]?.outgoing.endedAt == nil { entries[id]?.outgoing.alert = alert }
            return []
        case .ended(let alert, let endedAt, _):
            guard let entry = entries[id] else {
                return [Drop(alert: alert, reason: "the receiver doesn't know of the alert")]
            }
            let isUncertain = inFlight?.id == id || entry.mayHaveArrived
            guard entry.isFiringDelivered || isUncertain else {
                forget(id)
                return Array(repeating: Drop(alert: alert, reason: "over before it could be delivered"), count: 2)
            }
            entries[id]?.outgoing = Outgoing(alert: alert, endedAt: endedAt)
            if !entry.isPending {
                entries[id]?.isPending = true
                order.append(id)
            }
            // A firing message that is overtaken here was never delivered as such, unless the attempt under way is.
            return entry.isFiringDelivered || inFlight?.id == id ? [] : [Drop(alert: alert, reason: "overtaken by its end")]
        }
    }

    /// Entries for which nothing remains to be sent are those of alerts that hold; what can go is the end of an old one.
    private mutating func makeRoom() -> [Drop]? {
        guard let id = order.first(where: { entries[$0]?.outgoing.endedAt != nil && inFlight?.id != $0 }),
            let entry = entries[id]
        else { return nil }
        forget(id)
        return [Drop(alert: entry.outgoing.alert, reason: "too many alerts")]
    }

    private mutating func forget(_ id: String) {
        entries[id] = nil
        order.removeAll { $0 == id }
    }

    /// What to do now. After `.send`, `finished` must be called before anything else is asked.
    mutating func next(at now: Instant) -> Step {
        guard inFlight == nil else { return .idle }
        var first: [Alert.Subject: UInt64] = [:]
        for id in order {
            guard let entry = entries[id] else { continue }
            first[entry.outgoing.alert.subject] = min(first[entry.outgoing.alert.subject] ?? .max, entry.number)
        }
        let candidate = order.first { id in
            guard let entry = entries[id] else { return false }
            return first[entry.outgoing.alert.subject] == entry.number && !(isClosing && entry.wasTriedWhileClosing)
        }
        guard let id = candidate, let entry = entries[id] else { return .idle }
        if !isClosing, let notBefore, notBefore > now { return .wait(until: notBefore) }
        if isClosing { entries[id]?.wasTriedWhileClosing = true }
        inFlight = (id, entry.outgoing)
        return .send(entry.outgoing)
    }

    /// Tells how the message that `next` gave out fared.
    ///
    /// - Parameter random: in 0..<1.
    /// - Returns: messages that will never be sent because of it.
    mutating func finished(_ verdict: WebhookVerdict, at now: Instant, random: Double) -> [Drop] {
        guard let (id, sent) = inFlight else { return [] }
        inFlight = nil
        guard let entry = entries[id] else { return [] }
        let wasFiring = sent.endedAt == nil
        let hasEndedMeanwhile = wasFiring && entry.outgoing.endedAt != nil
        switch verdict {
        case .accepted:
            delay.reset()
            notBefore = nil
            guard wasFiring else {
                forget(id)
                return []
            }
            entries[id]?.isFiringDelivered = true
            if !hasEndedMeanwhile {
                entries[id]?.isPending = false
                order.removeAll { $0 == id }
            }
            return []
        case .refused(let status):
            delay.reset()
            notBefore = nil
            forget(id)
            let drop = Drop(alert: sent.alert, reason: "refused with status \(status)")
            return Array(repeating: drop, count: hasEndedMeanwhile ? 2 : 1)
        case .tryAgain(_, let wait, let mayHaveArrived):
            notBefore = now + max(delay.next(random: random), min(wait ?? .zero, longestWait))
            if wasFiring, mayHaveArrived { entries[id]?.mayHaveArrived = true }
            if hasEndedMeanwhile {
                guard mayHaveArrived || entry.mayHaveArrived else {
                    forget(id)
                    let drop = Drop(alert: sent.alert, reason: "over before it could be delivered")
                    return [drop, drop]
                }
                moveToEnd(id)
                return [Drop(alert: sent.alert, reason: "overtaken by its end")]
            }
            moveToEnd(id)
            return []
        }
    }

    private mutating func moveToEnd(_ id: String) {
        order.removeAll { $0 == id }
        order.append(id)
    }

    /// From now on each message is tried once more at most, without waiting.
    mutating func close() { isClosing = true }

    /// Gives up everything.
    mutating func abandon() -> [Drop] {
        defer {
            entries = [:]
            order = []
            inFlight = nil
        }
        return order.compactMap { id in
            entries[id].map { Drop(alert: $0.outgoing.alert, reason: "the process ends") }
        }
    }
}

/// Exponential back-off with jitter: the n-th delay is drawn evenly from the upper half of `min(first × 2ⁿ, longest)`.
struct RetryDelay: Sendable {
    private let first: Duration
    private let longest: Duration
    private var ceiling: Duration

    init(first: Duration, longest: Duration) {
        self.first = max(.milliseconds(1), first)
        self.longest = max(self.first, longest)
        ceiling = self.first
    }

    /// - Parameter random: in 0..<1.
    mutating func next(random: Double) -> Duration {
        defer { ceiling = min(ceiling * 2, longest) }
        return ceiling / 2 + ceiling / 2 * min(max(random, 0), 1)
    }

    /// After a success: the next delay is the shortest again.
    mutating func reset() { ceiling = first }
}
