/// What one client, or one address, may ask of the server. 0 is no limit, but for awaited channels.
public struct LimitSettings: Sendable, Equatable {
    /// 0…100,000.
    public package(set) var requestsPerSecond = 100
    /// 1…1,000,000.
    public package(set) var requestBurst = 2000
    /// 0…100,000.
    public package(set) var controlFramesPerSecond = 50
    /// 1…1,000,000.
    public package(set) var controlFrameBurst = 100
    /// 0…1,000,000.
    public package(set) var subscriptions = 1000
    /// 0…10,000,000.
    public package(set) var awaitedChannels = 100_000
    /// 0…1,000,000.
    public package(set) var awaitedChannelsPerConnection = 1000
    /// 0…1,000,000.
    public package(set) var connectionsPerAddress = 0
    /// 0…1,000,000.
    public package(set) var httpConnections = 1000
    /// 0…1,000,000.
    public package(set) var pendingHandshakes = 1000
    /// Bytes, 1 KiB…1 MiB.
    public package(set) var maxHeaders = 16 << 10
    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    package init() {}
}
