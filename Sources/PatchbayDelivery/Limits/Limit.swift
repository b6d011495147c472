package import NIOCore
import Synchronization

/// The limits that clients can run into: one table, from which metrics are labelled.
public enum Limit: Int, Sendable, CaseIterable {
    case clients
    case connectionsPerAddress
    case httpConnections
    case pendingHandshakes
    case descriptors
    case httpIdle
    case headerSize
    case handshakeTime
    case messageSize
    case requestRate
    case requestFlood
    case controlRate
    case controlFlood
    case subscriptions
    case awaitedChannels
    case idleTime

    /// The word for it in metrics.
    public var label: String {
        switch self {
        case .clients: "clients"
        case .connectionsPerAddress: "connections_per_address"
        case .httpConnections: "http_connections"
        case .pendingHandshakes: "pending_handshakes"
        case .descriptors: "descriptors"
        case .httpIdle: "http_idle"
        case .headerSize: "header_size"
        case .handshakeTime: "handshake_timeout"
        case .messageSize: "message_size"
        case .requestRate: "request_rate"
        case .requestFlood: "request_flood"
        case .controlRate: "control_rate"
        case .controlFlood: "control_flood"
        case .subscriptions: "subscriptions"
        case .awaitedChannels: "awaited_channels"
        case .idleTime: "idle"
        }
    }

    /// What is counted under it, for the reference.
    public var meaning: String {
        switch self {
        case .clients: "Handshakes refused with HTTP 503 `too_many_clients`."
        case .connectionsPerAddress: "Connections refused with HTTP 429 `too_many_connections`."
        case .httpConnections: "HTTP connections refused with HTTP 503 `too_many_http_connections`."
        case .pendingHandshakes:
            "Connections closed without an answer because too many had not sent a request (limits.pending_handshakes)."
        case .descriptors:
            "Times that accepting paused because no file descriptor, or no kernel memory, was free for another connection."
        case .httpIdle: "HTTP connections closed because no request arrived, or the answer was not read, in time."
        case .headerSize: "Requests refused with HTTP 431 `headers_too_large`."
        case .handshakeTime: "Connections closed with HTTP 408 `handshake_timeout`."
        case .messageSize: "Connections closed with 1009, for a message or a frame that is too large."
        case .requestRate: "Requests refused with `rate_limited`."
        case .requestFlood: "Connections closed with 1008 for requests that were refused again and again."
        case .controlRate: "Pings that were not answered, and pongs and empty frames over the limit."
        case .controlFlood: "Connections closed with 1008 for pings, pongs and empty frames over the limit again and again."
        case .subscriptions: "Requests refused with `too_many_subscriptions`."
        case .awaitedChannels: "Requests refused with `too_many_channels`."
        case .idleTime: "Connections closed with 4001."
        }
    }
}

/// How often each limit was run into since the start.
///
/// Thread: any.
public final class LimitCounters: Sendable {
    private final class Counter: Sendable {
        let value = Atomic<Int64>(0)
    }

    private let counters = Limit.allCases.map { _ in Counter() }

    /// When accepting last paused, nanoseconds of the monotonic clock; 0 before it ever did.
    private let lastPause = Atomic<UInt64>(0)
    /// For how long a pause is news: accepting looks for a descriptor again after a tenth of a second.
    private static let pauseMemory = TimeAmount.seconds(5)

    public init() {}

    /// Accepting pauses because no file descriptor is free.
    func countPause(at now: NIODeadline) {
        count(.descriptors)
        lastPause.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    /// Whether accepting paused in the last five seconds.
    package func isShortOfDescriptors(at now: NIODeadline = .now()) -> Bool {
        let last = lastPause.load(ordering: .relaxed)
        return last > 0 && now - .uptimeNanoseconds(last) < Self.pauseMemory
    }

    package func count(_ limit: Limit) { counters[limit.rawValue].value.wrappingAdd(1, ordering: .relaxed) }

    /// One figure per limit, in the order of the table, zeros included.
    public var snapshot: [(limit: Limit, refusals: Int64)] {
        Limit.allCases.map { ($0, counters[$0.rawValue].value.load(ordering: .relaxed)) }
    }
}
