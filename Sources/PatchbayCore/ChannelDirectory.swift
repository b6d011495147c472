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
        var entries: [String: Entry] = [:]
        /// Channels made by templates, by the name of their owner.
        var made: [String: Int] = [:]
        /// What retired channels of a template had done, so that its sums never fall.
        var retired: [String: ChannelLog.Figures] = [:]
        /// The routes of the table in force.
        var routes: Set<ObjectIdentifier> = []
    }

    private let state = Mutex(State())

    /// Why a template's channel is not there.
    enum Refusal: Error { case limitReached }

    func log(named name: String) -> ChannelLog? { state.withLock { $0.entries[name]?.log } }

    /// Every log, in no order.
    var logs: [ChannelLog] { state.withLock { $0.entries.values.map(\.log) } }

    /// The logs of plain channels, in no order.
    var plainLogs: [ChannelLog] { state.withLock { $0.entries.values.filter { $0.owner == nil }.map(\.log) } }

    /// Channels made by templates, by route.
    var madeByRoute: [String: Int] { state.withLock { $0.made } }

    /// A log for a subscriber: as it is there, or made because a template could make it. Retirement spares it until
    /// `unpin`, so that nobody subscribes to a log that nobody appends to any more.
    func pinnedLog(named name: String, table: RouteTable) throws(Refusal) -> ChannelLog? {
        let found = state.withLock { state -> Result<ChannelLog?, Refusal> in
            if let entry = state.entries[name] {
                entry.log.pin()
                return .success(entry.log)
            }
            guard let route = table.routes.first(where: { $0.canMake(channel: name) }) else { return .success(nil) }
            guard let log = Self.make(name, for: route, in: &state) else { return .failure(.limitReached) }
            log.pin()
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
            if let entry = state.entries[name] { return entry.log }
            guard state.routes.contains(ObjectIdentifier(route)) else { return Self.orphan(name) }
            return Self.make(name, for: route, in: &state)
        }
    }

    /// The log of a plain channel; one that nobody reads when the channel is gone.
    func plainLog(named name: String) -> ChannelLog { log(named: name) ?? Self.orphan(name) }

    private static func orphan(_ name: String) -> ChannelLog {
        let log = ChannelLog(name: name, keepsUnread: false)
        log.retire()
        return log
    }

    private static func make(_ name: String, for route: Route, in state: inout State) -> ChannelLog? {
        guard state.made[route.name, default: 0] < route.templateLimits.maximumChannels else { return nil }
        let log = ChannelLog(
            name: name, limits: .init(messageBuffer: route.templateLimits.messageBuffer), keepsUnread: false)
        state.entries[name] = Entry(log: log, owner: route, template: route.template(for: name))
        state.made[route.name, default: 0] += 1
        return log
    }

    // MARK: Figures

    /// Plain channels by name, then templates.
    var figures: [ChannelFigures] {
        let (entries, retired) = state.withLock { ($0.entries, $0.retired) }
        var plain: [ChannelFigures] = []
        var templates: [String: ChannelFigures] = [:]
        for (template, figures) in retired {
            templates[template] = ChannelFigures(name: template, isTemplate: true, channels: 0, figures: figures)
        }
        for (name, entry) in entries {
            let figures = entry.log.figures
            guard let template = entry.template else {
                plain.append(ChannelFigures(name: name, isTemplate: false, channels: 1, figures: figures))
                continue
            }
            templates[template, default: .init(name: template, isTemplate: true, channels: 0, figures: .none)].add(figures)
        }
        return plain.sorted { $0.name < $1.name } + templates.values.sorted { $0.name < $1.name }
    }

    // MARK: Reload

    /// Makes the channels of a table that are not there yet, and gives all of them the table's limits.
    func prepare(for table: RouteTable) {
        state.withLock { state in
            for channel in table.channels {
                if let entry = state.entries[channel.name] {
                    entry.log.setMessageBuffer(channel.limits.messageBuffer)
                    entry.log.keepUnread()
                    state.entries[channel.name]?.owner = nil
                    state.entries[channel.name]?.template = nil
                } else {
                    state.entries[channel.name] = Entry(
                        log: ChannelLog(name: channel.name, limits: channel.limits), owner: nil)
                }
            }
        }
    }

    /// Removes what the table has no place for, gives channels of templates their new owners, and returns the logs
    /// removed. `prepare` comes first.
    ///
    /// - Parameter old: the table before; `nil` for the first one.
    func prune(for table: RouteTable, replacing old: RouteTable? = nil) -> [ChannelLog] {
        let plain = Set(table.channels.map(\.name))
        let gone = (old?.channels ?? []).map(\.name).filter { !plain.contains($0) }
        let templated = table.routes.filter(\.hasTemplates)
        let templates = Set(templated.flatMap { $0.channels.filter { !$0.isPlain }.map(\.text) })
        return state.withLock { state in
            // Consumer threads wait for this lock with the first batch of a new table, so what stays as it is, which is
            // nearly everything, is hardly looked at.
            var removed: [ChannelLog] = []
            var made: [String: Int] = [:]
            var changes: [(name: String, entry: Entry?)] = []
            func place(_ name: String, _ log: ChannelLog) {
                guard let owner = templated.first(where: { $0.canMake(channel: name) }) else {
                    log.retire()
                    removed.append(log)
                    return changes.append((name, nil))
                }
                log.setMessageBuffer(owner.templateLimits.messageBuffer)
                changes.append((name, Entry(log: log, owner: owner, template: owner.template(for: name))))
                made[owner.name, default: 0] += 1
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
    /// - Returns: how many.
    @discardableResult
    func retireIdle(nowMilliseconds now: Int64) -> Int {
        state.withLock { state in
            var retired = 0
            for (name, entry) in state.entries {
                guard let owner = entry.owner,
                    entry.log.isIdle(since: now - owner.templateLimits.idleMilliseconds)
                else { continue }
                entry.log.retire()
                if let template = entry.template { state.retired[template, default: .none].addPast(entry.log.figures) }
                state.entries[name] = nil
                state.made[owner.name, default: 1] -= 1
                retired += 1
            }
            return retired
        }
    }
}
