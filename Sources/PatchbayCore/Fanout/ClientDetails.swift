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
