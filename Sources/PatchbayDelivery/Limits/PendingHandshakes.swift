import NIOCore
import Synchronization

/// The connections whose first request is not complete, oldest first. There are only so many: a client that opens connections and
/// says nothing on them must not keep others out.
///
/// Thread: any. One lock, taken when a connection opens, when its first request is complete, and when it closes.
package final class PendingHandshakes: Sendable {
    /// A connection this young is left alone: its request may be on its way, or in a busy event loop's queue.
    static let grace = TimeAmount.milliseconds(500)

    private struct Entry {
        var channel: any Channel
        var since: NIODeadline
    }

    private struct State {
        var places: [ObjectIdentifier: UInt64] = [:]
        /// By place, of which every connection gets a new one.
        var entries: [UInt64: Entry] = [:]
        var next: UInt64 = 0
        /// No place below it is taken.
        var oldest: UInt64 = 0

        mutating func popOldest(before time: NIODeadline) -> (any Channel)? {
            guard let entry = oldestEntry(before: time) else { return nil }
            remove(entry)
            return entry.channel
        }

        private mutating func oldestEntry(before time: NIODeadline) -> Entry? {
            while oldest < next, entries[oldest] == nil { oldest += 1 }
            return entries[oldest].flatMap { $0.since <= time ? $0 : nil }
        }

        private mutating func remove(_ entry: Entry) {
            entries[oldest] = nil
            places[ObjectIdentifier(entry.channel)] = nil
        }

        /// Forgets the oldest as long as they are closed: those whose socket broke before they had a pipeline, so that nobody
        /// removed them.
        mutating func forgetClosed(before time: NIODeadline) {
            while let entry = oldestEntry(before: time), !entry.channel.isActive { remove(entry) }
        }
    }

    private let most: Int
    private let state = Mutex(State())

    /// - Parameter most: connections at a time; 0 is no limit.
    init(most: Int) { self.most = most > 0 ? most : .max }

    /// Connections now.
    var count: Int { state.withLock { $0.entries.count } }

    /// Counts a connection until it is removed. Its close does not remove it: waiting for that would cost every connection memory for
    /// as long as it lives.
    func add(_ channel: any Channel, at now: NIODeadline) {
        let id = ObjectIdentifier(channel)
        state.withLock { state in
            state.places[id] = state.next
            state.entries[state.next] = Entry(channel: channel, since: now)
            state.next += 1
        }
    }

    /// The first request is complete, or the connection is closed. No harm when it is not there.
    func remove(_ channel: any Channel) {
        state.withLock { state in
            guard let place = state.places.removeValue(forKey: ObjectIdentifier(channel)) else { return }
            state.entries[place] = nil
        }
    }

    /// Closes as many of the oldest as there are too many, unless they are too young.
    ///
    /// - Returns: whether another connection may be accepted, and how many were closed for it.
    func makeRoom(at now: NIODeadline) -> (hasRoom: Bool, closed: Int) {
        let (hasRoom, old) = state.withLock { state in
            state.forgetClosed(before: now - Self.grace)
            var old: [any Channel] = []
            while state.entries.count >= most, let channel = state.popOldest(before: now - Self.grace) { old.append(channel) }
            return (state.entries.count < most, old)
        }
        for channel in old { channel.close(promise: nil) }
        return (hasRoom, old.count)
    }
}
