public import PatchbaySettings

/// What the listener and its connections are set up with.
public struct ServerConfiguration: Sendable {
    /// The path that clients upgrade; `nil` takes any.
    public var path: String? = "/ws"
    public var server: ServerSettings
    public var limits: LimitSettings

    public init(server: ServerSettings = ServerSettings(), limits: LimitSettings = LimitSettings()) {
        self.server = server
        self.limits = limits
    }
}
