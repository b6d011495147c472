import PatchbayAPI
import Synchronization

/// Consumers that don't poll because event loops are too far behind with a channel: which channel, and since when.
///
/// Such a wait holds up every topic of the consumer's cluster, so it must have a name. One wait lasts until a poll needs
/// no waiting: a consumer that polls once a second because one channel is full waits all the time.
///
/// Thread: any; consumer threads take the lock only around a wait.
final class RoomWaits: Sendable {
    private struct State {
        var open: [ObjectIdentifier: Open] = [:]
        /// Milliseconds waited in the past, by channel or template.
        var past: [ByteString: Int64] = [:]
    }

    private struct Open {
        var cluster: String
        var channel: String
        /// The channel, or its template: what metrics name.
        var label: String
        /// Milliseconds of the monotonic clock.
        var since: Int64
        /// When the consumer last said that it waits.
        var seen: Int64

        /// Until when it lasted, as far as that is known: a consumer says once a second that it waits. One that got no
        /// more records since has nothing to wait with.
        func end(now: Int64) -> Int64 { isUnderWay(now: now) ? now : seen }

        func isUnderWay(now: Int64) -> Bool { now - seen <= 2 * Int64(RoutingWorker.longestWait) }
    }

    /// Channels that metrics name; what more there are is summed up under `_other`.
    static let mostNamed = 200

    private let state = Mutex(State())

    /// A consumer begins, or goes on, to wait for a channel.
    func wait(_ consumer: ObjectIdentifier, cluster: String, channel: String, label: String, monotonicMilliseconds now: Int64) {
        state.withLock { state in
            if var open = state.open[consumer] {
                if open.channel.hasSameBytes(as: channel), open.isUnderWay(now: now) {
                    open.seen = now
                    state.open[consumer] = open
                    return
                }
                Self.count(open, until: open.end(now: now), in: &state)
            }
            state.open[consumer] = Open(cluster: cluster, channel: channel, label: label, since: now, seen: now)
        }
    }

    /// A consumer has room again, or ended.
    func end(_ consumer: ObjectIdentifier, monotonicMilliseconds now: Int64) {
        state.withLock { state in
            guard let open = state.open.removeValue(forKey: consumer) else { return }
            Self.count(open, until: open.end(now: now), in: &state)
        }
    }

    private static func count(_ open: Open, until end: Int64, in state: inout State) {
        let label = ByteString(open.label)
        let isNamed = state.past[label] != nil || state.past.count < mostNamed
        state.past[isNamed ? label : "_other", default: 0] += max(0, end - open.since)
    }

    /// Those that wait now, the longest first.
    func current(monotonicMilliseconds now: Int64) -> [RoomWait] {
        let open = state.withLock { $0.open.values.filter { $0.isUnderWay(now: now) } }
        return open.map { RoomWait(cluster: $0.cluster, channel: $0.channel, milliseconds: max(0, now - $0.since)) }
            .sorted { $0.milliseconds > $1.milliseconds }
    }

    /// Milliseconds waited since the start, by channel or template in order of the name, waits under way included.
    func total(monotonicMilliseconds now: Int64) -> [(channel: String, milliseconds: Int64)] {
        let past = state.withLock { state in
            var sum = state
            for open in state.open.values { Self.count(open, until: open.end(now: now), in: &sum) }
            return sum.past
        }
        return past.sorted { $0.key < $1.key }.map { ($0.key.string, $0.value) }
    }
}

/// A consumer that waits for event loops to hand out what a channel holds.
public struct RoomWait: Sendable, Equatable {
    public var cluster: String
    public var channel: String
    /// For how long by now, without a poll in between that needed no waiting.
    public var milliseconds: Int64

    public init(cluster: String, channel: String, milliseconds: Int64) {
        self.cluster = cluster
        self.channel = channel
        self.milliseconds = milliseconds
    }
}
