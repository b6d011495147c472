import NIOCore

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
        requests = RequestRate(perSecond: configuration.requestsPerSecond, burst: configuration.requestBurst)
        requestsPerSecond = configuration.requestsPerSecond
        maximumSubscriptions = configuration.maximumSubscriptions > 0 ? configuration.maximumSubscriptions : .max
        maximumAwaitedChannels = configuration.maximumAwaitedChannels
        idleTimeout = configuration.idleTimeout
    }
}
