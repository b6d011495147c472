import NIOCore

/// Limits and habits of WebSocket connections, and where they report to: one object shared by all of a listener's, so
/// that each holds a single reference.
///
/// Thread: any.
final class ConnectionEnvironment: Sendable {
    /// How long a closing handshake may take before the socket is closed all the same.
    let closeTimeout = TimeAmount.seconds(2)

    let maximumMessageBytes: Int
    /// 0 for no limit of its own.
    let maximumFrameBytes: Int
    let acceptsBinary: Bool
    /// Of each client's pings and pongs.
    let controlFrames: RequestRate?
    let counters: LimitCounters
    let log: ConnectionLog

    init(_ configuration: ServerConfiguration, acceptsBinary: Bool, counters: LimitCounters, log: ConnectionLog) {
        maximumMessageBytes = configuration.maximumMessageBytes
        maximumFrameBytes = configuration.maximumFrameBytes
        self.acceptsBinary = acceptsBinary
        controlFrames = RequestRate(
            perSecond: configuration.controlFramesPerSecond, burst: configuration.controlFrameBurst)
        self.counters = counters
        self.log = log
    }
}
