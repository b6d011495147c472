public import NIOCore
import NIOHTTP1

/// Decides who a client is, and which channels it may read: once at the handshake, then at every subscription.
///
/// Thread: the connection's event loop. Must not block: what it needs to know it has at hand.
public protocol Authorizer: Sendable {
    /// Who the client behind a handshake is.
    ///
    /// Called after the handshake was found to be sound and its origin allowed, and before it takes a place.
    /// - Throws: why the handshake is refused.
    func authenticate(_ handshake: HandshakeRequest) throws(HandshakeRefusal) -> Principal

    /// Whether a client may subscribe to a channel.
    ///
    /// Called before it is looked up whether the channel exists, so that a refusal doesn't tell.
    /// - Throws: why the subscription is refused.
    func authorize(_ principal: Principal, toSubscribeTo channel: String) throws(SubscriptionRefusal)
}

/// Who a client is. One object for as long as the connection lives.
///
/// Thread: any.
public final class Principal: Sendable {
    /// What log lines call it; `nil` for a client that did not say who it is.
    public let name: String?
    /// Until when this holds; `nil` for as long as the connection lives.
    public let expires: NIODeadline?

    /// A client that did not say who it is.
    public static let anonymous = Principal(name: nil)

    public init(name: String?, expires: NIODeadline? = nil) {
        self.name = name
        self.expires = expires
    }
}

/// Why a handshake is refused.
public struct HandshakeRefusal: Error, Sendable, Equatable {
    public enum Status: Sendable, Equatable {
        /// 401: it isn't known who the client is.
        case unauthorized
        /// 403: it is known, and it may not connect.
        case forbidden
    }

    public var status: Status
    /// A stable code for programs.
    public var code: String
    /// A sentence for people.
    public var message: String

    public init(_ status: Status, code: String, message: String) {
        self.status = status
        self.code = code
        self.message = message
    }
}

/// Why a subscription is refused. The connection stays open.
public struct SubscriptionRefusal: Error, Sendable, Equatable {
    /// A stable code for programs.
    public var code: String
    /// A sentence for people.
    public var message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// What an authorizer may look at.
public struct HandshakeRequest: Sendable {
    private let head: HTTPRequestHead

    init(_ head: HTTPRequestHead) { self.head = head }

    /// The target of the request, with its query.
    public var target: String { head.uri }

    /// All values of a header, in order. The case of its name doesn't count.
    public func values(of header: String) -> [String] { head.headers[header] }
}

/// Lets everybody read everything.
public struct AnonymousAuthorizer: Authorizer {
    public init() {}

    public func authenticate(_ handshake: HandshakeRequest) throws(HandshakeRefusal) -> Principal { .anonymous }

    public func authorize(_ principal: Principal, toSubscribeTo channel: String) throws(SubscriptionRefusal) {}
}
