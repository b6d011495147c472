import NIOCore
import PatchbayAPI
package import PatchbayCore
import PatchbaySettings

/// One client's side of the subscribe protocol, as decisions: what it asks for comes in, what is to be done about it goes out. No
/// sockets, no channels, no clock of its own.
struct Session {
    private var requests = RateMeter()
    /// When the client last asked for something, or last lost a subscription.
    private(set) var lastActive: NIODeadline

    init(at now: NIODeadline) { lastActive = now }

    /// A request came.
    ///
    /// - Parameter parse: reads it; not called for a client that is closed anyway.
    mutating func received(
        at now: NIODeadline, _ context: SessionContext, parse: () -> Result<any ClientRequest, RequestRefusal>
    ) -> [SessionAction] {
        lastActive = now
        if let limit = context.limits.requests {
            switch requests.admit(at: now, within: limit) {
            case .admitted: break
            case .refused: return Self.refuse(parse(), context)
            case .flooding: return [.close(.policyViolation, over: .requestFlood, reason: "too many requests")]
            }
        }
        switch parse() {
        case .success(let request): return request.act(context)
        case .failure(let refusal): return [.send(refusal.control)]
        }
    }

    /// A request over the rate: read only for its id.
    private static func refuse(
        _ request: Result<any ClientRequest, RequestRefusal>, _ context: SessionContext
    ) -> [SessionAction] {
        let id =
            switch request {
            case .success(let request): request.id
            case .failure(let refusal): refusal.id
            }
        let refusal = RequestRefusal(
            code: "rate_limited",
            message: "more than \(context.limits.requestsPerSecond) requests per second; this one changed nothing, so try again later",
            id: id)
        return [.count(.requestRate), .send(refusal.control)]
    }

    /// The channel of a subscription is gone.
    mutating func subscriptionEnded(at now: NIODeadline) { lastActive = now }
}

/// What a session knows of its client while it decides.
package struct SessionContext {
    let limits: SessionLimits
    /// The connection's name, in its log lines.
    let connection: String
    /// Subscriptions of the client.
    let subscriptions: Int
    /// Whether one of them is to a channel.
    let isSubscribed: (_ channel: String) -> Bool
}

/// What is to be done for a client.
package enum SessionAction: Equatable {
    /// Look a channel up and subscribe to it; `SubscribeRequest.answer` says what to do about what came of it.
    case subscribe(SubscribeRequest, from: StartPosition)
    /// End the subscription to a channel, if there is one.
    case unsubscribe(channel: String)
    case send(ControlMessage)
    case count(Limit)
    case close(CloseCode, over: Limit, reason: String)
}

/// What one client may ask for; one value per event loop.
package struct SessionLimits: Sendable {
    let requests: RequestRate?
    /// For the error message.
    let requestsPerSecond: Int
    let maximumSubscriptions: Int
    /// Channels that no record has made yet.
    let maximumAwaitedChannels: Int
    /// Zero for no limit.
    let idleTimeout: TimeAmount

    package init(_ configuration: ServerConfiguration) {
        requests = RequestRate(perSecond: configuration.limits.requestsPerSecond, burst: configuration.limits.requestBurst)
        requestsPerSecond = configuration.limits.requestsPerSecond
        maximumSubscriptions = configuration.limits.subscriptions > 0 ? configuration.limits.subscriptions : .max
        maximumAwaitedChannels = configuration.limits.awaitedChannelsPerConnection
        idleTimeout = TimeAmount(configuration.server.idleTimeout)
    }
}
