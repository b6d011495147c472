import PatchbayAPI
import Synchronization

/// Every channel that exists now, by name: the plain ones of the route table, and those that templates made.
///
/// Thread: any; one lock, taken on subscribe, on the first message of a channel that a consumer thread meets, and on
/// reloads, not per message.
final class ChannelDirectory: Sendable {
    private struct Entry {
        let log: ChannelLog
        /// The route whose template made the channel and whose limits it counts against; `nil` for a plain channel.
        var owner: Route?
        /// The template it was made by; `nil` for a plain channel.
        var template: String?
    }

    private struct State {
        var entries: [ByteString: Entry] = [:] {
            didSet {
                generation += 1
                sortedPlain = nil
            }
        }
        /// Changes of `entries`.
        var generation = 0
        /// The logs of plain channels by name, once asked for: sorting ten thousand names takes as long as writing the page that
        /// they are sorted for, and they hardly ever change.
        var sortedPlain: [ChannelLog]?
        /// Channels that records made of templates, by the name of their owner.
        var made: [ByteString: Int] = [:]
        /// Channels that clients asked for and no record has made yet.
        var awaited = 0
        /// What retired channels of a template had done, so that its sums never fall.
        var retired: [ByteString: ChannelLog.Snapshot] = [:]
        /// The routes of the table in force.
        var routes: Set<ObjectIdentifier> = []
    }

    private let state = Mutex(State())
    /// Channels that clients may await at a time, all of them together.
    let maximumAwaited: Int

    /// - Parameter maximumAwaited: channels that clients may await at a time, all of them together.
    init(maximumAwaited: Int) { self.maximumAwaited = maximumAwaited }

    /// Why a channel that no record has made yet can't be awaited.
    enum Refusal: Error {
        /// By this client: it awaits as many as it may.
        case clientAwaitsTooMany
        /// By anybody: all clients together await `maximumAwaited`.
        case tooManyAwaited
    }

    func log(named name: String) -> ChannelLog? { state.withLock { $0.entries[ByteString(name)]?.log } }

    /// The template that made the channel; `nil` for a plain one.
    func template(ofChannel name: String) -> String? { state.withLock { $0.entries[ByteString(name)]?.template } }

    /// Channels that clients await now.
    var awaitedCount: Int { state.withLock { $0.awaited } }

    /// Every log, in no order.
    var logs: [ChannelLog] { state.withLock { $0.entries.values.map(\.log) } }

    /// The logs of plain channels, in no order.
    var plainLogs: [ChannelLog] { state.withLock { $0.entries.values.filter { $0.owner == nil }.map(\.log) } }

    /// Channels that records made of templates, by route.
    var madeByRoute: [ByteString: Int] { state.withLock { $0.made } }

    /// A log for a subscriber: as it is there, or made because a template could make it. Retirement spares it until
    /// `unpin`, so that nobody subscribes to a log that nobody appends to any more.
    ///
    /// What records need and what strangers wish for are counted apart: a channel that no record has made yet doesn't
    /// count against its route's `max_channels`, has a bound of its own, and is gone with its last subscriber.
    ///
    /// - Parameter mayAwait: whether the client may await one more channel. Asked for such channels only.
    func pinnedLog(
        named name: String, table: RouteTable, mayAwait: () -> Bool
    ) throws(Refusal) -> ChannelLog? {
        let found = state.withLock { state -> Result<ChannelLog?, Refusal> in
            if let entry = state.entries[ByteString(name)] {
                if entry.log.isAwaited, !mayAwait() { return .failure(.clientAwaitsTooMany) }
                entry.log.pin()
                return .success(entry.log)
            }
            guard let route = table.routes.first(where: { $0.canMake(channel: name) }) else { return .success(nil) }
            guard mayAwait() else { return .failure(.clientAwaitsTooMany) }
            guard state.awaited < maximumAwaited else { return .failure(.tooManyAwaited) }
            let log = newLog(name, for: route)
            log.pin()
            log.setAwaited(true)
            state.entries[ByteString(name)] = Entry(log: log, owner: route, template: route.template(for: name))
            state.awaited += 1
            return .success(log)
        }
        return try found.get()
    }

    /// The log of a channel that a template of `route` rendered; `nil` when the route may make no more.
    ///
    /// A consumer thread that has not taken up a new table yet gets no new channels for a route that is gone: its
    /// messages go to a log that nobody reads.
    func log(named name: String, madeBy route: Route) -> ChannelLog? {
        state.withLock { state in
            if let entry = state.entries[ByteString(name)] {
                guard entry.log.isAwaited else { return entry.log }
                let owner = entry.owner ?? route
                guard Self.hasRoom(owner, in: state) else { return nil }
                entry.log.setAwaited(false)
                state.awaited -= 1
                state.made[ByteString(owner.name), default: 0] += 1
                return entry.log
            }
            guard state.routes.contains(ObjectIdentifier(route)) else { return Self.orphan(name) }
            guard Self.hasRoom(route, in: state) else { return nil }
            let log = newLog(name, for: route)
            state.entries[ByteString(name)] = Entry(log: log, owner: route, template: route.template(for: name))
            state.made[ByteString(route.name), default: 0] += 1
            return log
        }
    }

    /// Whether the route may make one channel more.
    private static func hasRoom(_ route: Route, in state: State) -> Bool {
        state.made[ByteString(route.name), default: 0] < route.templateLimits.maximumChannels
    }

    private func newLog(_ name: String, for route: Route) -> ChannelLog {
        ChannelLog(name: name, limits: .init(messageBuffer: route.templateLimits.messageBuffer)) { [weak self] log in
            self?.removeIfAwaited(log)
        }
    }

    /// Removes a channel that no record has made and that nobody awaits any more.
    private func removeIfAwaited(_ log: ChannelLog) {
        state.withLock { state in
            let name = ByteString(log.name)
            // Somebody may have subscribed since, or a record may have come.
            guard let entry = state.entries[name], entry.log === log, log.isAwaited, log.isUnused else { return }
            log.retire()
            state.entries[name] = nil
            state.awaited -= 1
        }
    }

    /// The log of a plain channel; one that nobody reads when the channel is gone.
    func plainLog(named name: String) -> ChannelLog { log(named: name) ?? Self.orphan(name) }

    private static func orphan(_ name: String) -> ChannelLog {
        let log = ChannelLog(name: name)
        log.retire()
        return log
    }

    // MARK: Snapshot

    /// Plain channels by name, then templates.
    var figures: [ChannelSnapshot] {
        let (entries, retired) = state.withLock { ($0.entries, $0.retired) }
        var templates: [ByteString: ChannelSnapshot] = [:]
        for (template, figures) in retired {
            templates[template] = ChannelSnapshot(name: template.string, isTemplate: true, channels: 0, figures: figures)
        }
        for entry in entries.values {
            guard let template = entry.template else { continue }
            let none = ChannelSnapshot(name: template, isTemplate: true, channels: 0, figures: .none)
            templates[ByteString(template), default: none].add(entry.log.figures)
        }
        var all = sortedPlainLogs.map { ChannelSnapshot(name: $0.name, isTemplate: false, channels: 1, figures: $0.figures) }
        all += templates.sorted { $0.key < $1.key }.map(\.value)
        return all
    }

    private var sortedPlainLogs: [ChannelLog] {
        let (entries, generation, sorted) = state.withLock { ($0.entries, $0.generation, $0.sortedPlain) }
        if let sorted { return sorted }
        // Outside the lock, for which consumer threads wait.
        let names = entries.filter { $0.value.template == nil }.map { (name: $0.key, log: $0.value.log) }
        let logs = names.sorted { $0.name < $1.name }.map(\.log)
        state.withLock { if $0.generation == generation { $0.sortedPlain = logs } }
        return logs
    }

    // MARK: Reload

    /// Makes the channels of a table that are not there yet, and gives all of them the table's limits.
    func prepare(for table: RouteTable) {
        state.withLock { state in
            for channel in table.channels {
                let name = ByteString(channel.name)
                if let entry = state.entries[name] {
                    entry.log.setMessageBuffer(channel.limits.messageBuffer)
                    if entry.log.isAwaited { state.awaited -= 1 }
                    entry.log.setAwaited(false)
                    state.entries[name] = Entry(log: entry.log)
                } else {
                    state.entries[name] = Entry(log: ChannelLog(name: channel.name, limits: channel.limits))
                }
            }
        }
    }

    /// Removes what the table has no place for, gives channels of templates their new owners, and returns the logs
    /// removed. `prepare` comes first.
    ///
    /// - Parameter old: the table before; `nil` for the first one.
    func prune(for table: RouteTable, replacing old: RouteTable? = nil) -> [ChannelLog] {
        let plain = Set(table.channels.map { ByteString($0.name) })
        let gone = (old?.channels ?? []).map { ByteString($0.name) }.filter { !plain.contains($0) }
        let templated = table.routes.filter(\.hasTemplates)
        let templates = Set(templated.flatMap { $0.channels.filter { !$0.isPlain }.map { ByteString($0.text) } })
        return state.withLock { state in
            // Consumer threads wait for this lock with the first batch of a new table, so what stays as it is, which is
            // nearly everything, is hardly looked at.
            var removed: [ChannelLog] = []
            var made: [ByteString: Int] = [:]
            var changes: [(name: ByteString, entry: Entry?)] = []
            func place(_ name: ByteString, _ log: ChannelLog) {
                guard let owner = templated.first(where: { $0.canMake(channel: name.string) }) else {
                    log.retire()
                    removed.append(log)
                    if log.isAwaited { state.awaited -= 1 }
                    return changes.append((name, nil))
                }
                log.setMessageBuffer(owner.templateLimits.messageBuffer)
                changes.append((name, Entry(log: log, owner: owner, template: owner.template(for: name.string))))
                if !log.isAwaited { made[ByteString(owner.name), default: 0] += 1 }
            }
            for (name, entry) in state.entries where entry.template != nil { place(name, entry.log) }
            for name in gone {
                if let entry = state.entries[name], entry.template == nil { place(name, entry.log) }
            }
            for (name, entry) in changes { state.entries[name] = entry }
            state.retired = state.retired.filter { templates.contains($0.key) }
            state.made = made
            state.routes = table.identities
            return removed
        }
    }

    // MARK: Retirement

    /// Removes template channels that had no subscriber and no message for as long as their route says.
    ///
    /// - Parameter now: milliseconds of the monotonic clock.
    /// - Returns: how many.
    @discardableResult
    func retireIdle(monotonicMilliseconds now: Int64) -> Int {
        state.withLock { state in
            var retired = 0
            for (name, entry) in state.entries {
                guard let owner = entry.owner, !entry.log.isAwaited,
                    entry.log.isIdle(since: now - owner.templateLimits.idleMilliseconds)
                else { continue }
                entry.log.retire()
                if let template = entry.template {
                    state.retired[ByteString(template), default: .none].addPast(entry.log.figures)
                }
                state.entries[name] = nil
                state.made[ByteString(owner.name), default: 1] -= 1
                retired += 1
            }
            return retired
        }
    }
}

/// What one channel, or all channels of one template together, have done.
public struct ChannelSnapshot: Sendable {
    /// The channel's name, or the template as it stands in the file.
    public let name: String
    public let isTemplate: Bool
    /// Channels that exist now: 1 for a plain one.
    public internal(set) var channels: Int
    public internal(set) var figures: ChannelLog.Snapshot

    mutating func add(_ other: ChannelLog.Snapshot) {
        channels += 1
        figures.add(other)
    }
}

extension ChannelLog.Snapshot {
    package static let none = ChannelLog.Snapshot(
        messages: 0, bytesAppended: 0, bytesRetained: 0, messagesRetained: 0, dropped: 0, subscribers: 0)

    package mutating func add(_ other: ChannelLog.Snapshot) {
        addPast(other)
        bytesRetained += other.bytesRetained
        messagesRetained += other.messagesRetained
        subscribers += other.subscribers
    }

    /// Adds what counts on after a log is gone.
    mutating func addPast(_ other: ChannelLog.Snapshot) {
        messages += other.messages
        bytesAppended += other.bytesAppended
        dropped += other.dropped
    }
}
