package import NIOCore
package import PatchbayCore

/// One client's connection, as its session sees it, whatever carries the messages.
///
/// Thread: loop.
package protocol ClientConnection: MessageReceiver {
    /// Who this is.
    var client: ClientIdentity { get }
    /// Writes a message that is no record, at once. It is never dropped.
    func send(_ message: ControlMessage)
    /// Writes one message of an application that speaks no protocol of ours, at once. What it weighs counts against the
    /// client: nothing more is read from it while it waits.
    func send(message: ByteBuffer, isText: Bool)
    /// Before the server closes it: what it can't be given any more is told and counted.
    ///
    /// - Returns: messages that the client doesn't get.
    func handOutRest() -> Int64
    /// Ends the connection after everything written so far.
    func close(_ code: CloseCode, reason: String?)
    /// The same because the client ran into a limit: counted and logged.
    func close(_ code: CloseCode, over limit: Limit, reason: String?)
    /// Whether bytes are left waiting after a flush.
    var isSocketFull: Bool { get }
    /// Since when the client has neither read a channel nor asked for anything; `nil` while it does, and when it is closing.
    var idleSince: NIODeadline? { get }
    /// What has to be done to find out whether the client is still there.
    ///
    /// - Parameter interval: how often clients are to be heard.
    func keepAlive(now: NIODeadline, interval: TimeAmount) -> KeepAlive
    /// Asks the client for a sign of life.
    func ping(now: NIODeadline)
    /// Its place in the event loop's list of connections; -1 while it has none.
    var registryIndex: Int { get set }
}

extension ClientConnection {
    func close(_ code: CloseCode) { close(code, reason: nil) }

    func close(_ code: CloseCode, over limit: Limit) { close(code, over: limit, reason: nil) }
}

/// What keep-alive has to do about a connection.
package enum KeepAlive: Sendable { case nothing, ping, giveUp }

/// What becomes of what a client sends: the subscribe protocol, or an echo.
///
/// Thread: loop.
package protocol MessageHandler: AnyObject {
    func connectionOpened(_ connection: any ClientConnection)
    func received(text: ByteBuffer, on connection: any ClientConnection)
    /// Called only when the connection accepts binary messages.
    func received(binary: ByteBuffer, on connection: any ClientConnection)
    /// The channel of one of the connection's subscriptions is gone; the client was told.
    func subscriptionEnded(_ subscription: Subscription)
    /// The socket has room again.
    func connectionBecameWritable(_ connection: any ClientConnection)
    /// The server is about to close the connection: tells the client, and counts, what it can't be given any more.
    ///
    /// - Returns: messages that the client doesn't get.
    func handOutRest() -> Int64
    /// The socket is gone; nothing can be written any more. Called once.
    func connectionClosed(_ connection: any ClientConnection)
    /// Since when the client has neither read a channel nor asked for anything; `nil` while it does read one, and for
    /// connections that may be idle.
    var idleSince: NIODeadline? { get }
}

extension MessageHandler {
    /// For handlers that subscribe to nothing.
    package func subscriptionEnded(_ subscription: Subscription) {}
    /// For handlers that subscribe to nothing.
    package func handOutRest() -> Int64 { 0 }
    /// For handlers whose clients may be idle.
    package var idleSince: NIODeadline? { nil }
}
