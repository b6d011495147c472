import NIOCore
import Synchronization

/// The connections whose first request is not complete, oldest first. There are only so many: a client that opens connections and
/// says nothing on them must not keep others out.
///
/// Thread: any. One lock, taken when a connection opens, when its first request is complete, and when it closes.
final class PendingHandshakes: Sendable {
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
            while oldest < next, entries[oldest] == nil { oldest += 1 }
            guard let entry = entries[oldest], entry.since <= time else { return nil }
            entries[oldest] = nil
            places[ObjectIdentifier(entry.channel)] = nil
            return entry.channel
        }
    }

    private let most: Int
    private let state = Mutex(State())

    /// - Parameter most: connections at a time; 0 is no limit.
    init(most: Int) { self.most = most > 0 ? most : .max }

    /// Connections now.
    var count: Int { state.withLock { $0.entries.count } }

    /// Counts a connection until it is removed or closes.
    func add(_ channel: any Channel, at now: NIODeadline) {
        let id = ObjectIdentifier(channel)
        state.withLock { state in
            state.places[id] = state.next
            state.entries[state.next] = Entry(channel: channel, since: now)
            state.next += 1
        }
        channel.closeFuture.whenComplete { [self] _ in remove(id) }
    }

    /// The first request is complete.
    func remove(_ channel: any Channel) { remove(ObjectIdentifier(channel)) }

    private func remove(_ id: ObjectIdentifier) {
        state.withLock { state in
            guard let place = state.places.removeValue(forKey: id) else { return }
            state.entries[place] = nil
        }
    }

    /// Closes as many of the oldest as there are too many, unless they are too young.
    ///
    /// - Returns: whether another connection may be accepted, and how many were closed for it.
    func makeRoom(at now: NIODeadline) -> (hasRoom: Bool, closed: Int) {
        let (hasRoom, old) = state.withLock { state in
            var old: [any Channel] = []
            while state.entries.count >= most, let channel = state.popOldest(before: now - Self.grace) { old.append(channel) }
            return (state.entries.count < most, old)
        }
        for channel in old { channel.close(promise: nil) }
        return (hasRoom, old.count)
    }
}
