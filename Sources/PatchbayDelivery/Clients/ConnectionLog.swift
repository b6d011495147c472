package import Logging
import NIOCore
import NIOHTTP1
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Everything the log says about single clients. Their normal coming and going is `debug`; what they do wrong is `info`,
/// limits they keep running into `warning`, each kind at most a few times in ten seconds.
///
/// Thread: any.
package final class ConnectionLog: Sendable {
    private let logger: Logger
    /// By kind of line: a word of ours, never of a client's, so there are only a few.
    private let throttles = Mutex<[String: LogThrottle]>([:])

    package init(logger: Logger) { self.logger = logger }

    func connected(_ client: ClientIdentity, from address: SocketAddress?, requestID: String) {
        guard logger.logLevel <= .debug else { return }
        logger.debug("client connected", metadata: Self.metadata(client, address, requestID))
    }

    func disconnected(_ client: ClientIdentity, after time: TimeAmount) {
        guard logger.logLevel <= .debug else { return }
        var metadata = client.metadata
        metadata["seconds"] = "\(Double(time.nanoseconds / 1_000_000) / 1000)"
        logger.debug("client disconnected", metadata: metadata)
    }

    /// A request was refused before the upgrade.
    func refused(
        _ client: ClientIdentity, from address: SocketAddress?, requestID: String, status: HTTPResponseStatus, code: String,
        reason: String
    ) {
        // Those are mistakes of a setting, here or in a proxy, that keep out everybody: operators have to see them.
        let isMistake = ["forbidden_origin", "not_found", "upgrade_required"].contains(code)
        write(isMistake ? .warning : .info, "connection refused", kind: code) {
            var metadata = Self.metadata(client, address, requestID)
            metadata["status"] = "\(status.code)"
            metadata["code"] = "\(code)"
            metadata["reason"] = "\(reason)"
            return metadata
        }
    }

    /// The scripts of a web page may not read what the HTTP endpoints answer.
    package func refusedPage(_ origin: String, path: String) {
        write(.warning, "web page refused (server.cors_origins)", kind: "forbidden_origin") {
            ["code": "forbidden_origin", "origin": "\(ClientText.shown(origin))", "path": "\(ClientText.shown(path))"]
        }
    }

    /// A request to the admin listener was refused because of where it comes from.
    package func refused(_ header: String, _ value: String, code: String, path: String) {
        write(.warning, "request to the admin listener refused", kind: code) {
            ["code": "\(code)", "header": "\(header)", "value": "\(ClientText.shown(value))", "path": "\(ClientText.shown(path))"]
        }
    }

    /// A connection is closed because the client broke the protocol.
    func violated(_ client: ClientIdentity, _ code: CloseCode, detail: String) {
        write(.info, "client violated the protocol; closing its connection", kind: "violation") {
            var metadata = client.metadata
            metadata["close_code"] = "\(code.number)"
            metadata["reason"] = "\(detail)"
            return metadata
        }
    }

    /// A connection is closed because the client ran into a limit.
    func closed(_ client: ClientIdentity, _ code: CloseCode, over limit: Limit) {
        // Being idle is nothing to look at; flooding is.
        write(limit == .idleTime ? .debug : .warning, "client hit a limit; closing its connection", kind: limit.label) {
            var metadata = client.metadata
            metadata["close_code"] = "\(code.number)"
            metadata["limit"] = "\(limit.label)"
            return metadata
        }
    }

    /// A subscription falls further behind than the channel's buffer, because the client doesn't read.
    func losesMessages(_ client: ClientIdentity, channel: String, behind: Int64) {
        write(.info, "client reads too slowly and loses messages", kind: "slow") {
            var metadata = client.metadata
            metadata["channel"] = "\(channel)"
            metadata["behind"] = "\(behind)"
            return metadata
        }
    }

    /// After `losesMessages`.
    func stoppedLosing(_ client: ClientIdentity, channel: String, lost: Int64, isLeaving: Bool) {
        let message: Logger.Message = isLeaving ? "slow client left" : "slow client has caught up"
        write(.info, message, kind: isLeaving ? "slow_left" : "slow_over") {
            var metadata = client.metadata
            metadata["channel"] = "\(channel)"
            metadata["lost"] = "\(lost)"
            return metadata
        }
    }

    /// Connections were closed before their first request, to make room for others.
    func closedPendingHandshakes(_ count: Int) {
        write(
            .warning,
            "too many connections without a request; closing the oldest (limits.pending_handshakes)", kind: "pending"
        ) { ["connections": "\(count)"] }
    }

    /// Accepting pauses. The caller sees to it that this is not said too often.
    func outOfDescriptors(errno code: Int32) {
        let noDescriptor: Logger.Message = "no file descriptor is free for another connection; accepting pauses"
        let (message, hint): (Logger.Message, String) =
            switch code {
            case EMFILE: (noDescriptor, "raise the process's limit on open files (ulimit -n, LimitNOFILE)")
            case ENFILE: (noDescriptor, "raise the system's limit on open files (fs.file-max)")
            default:
                (
                    "the kernel has no memory for another connection; accepting pauses",
                    "give the machine more memory, lower server.send_buffer, or raise net.ipv4.tcp_mem"
                )
            }
        logger.warning(message, metadata: ["hint": "\(hint)"])
    }

    private func write(
        _ level: Logger.Level, _ message: Logger.Message, kind: String, _ metadata: () -> Logger.Metadata
    ) {
        guard logger.logLevel <= level else { return }
        let now = NIODeadline.now()
        guard let unwritten = throttles.withLock({ $0[kind, default: LogThrottle()].next(at: now) }) else { return }
        var metadata = metadata()
        if unwritten > 0 { metadata["also"] = "\(unwritten)" }
        logger.log(level: level, message, metadata: metadata)
    }

    private static func metadata(
        _ client: ClientIdentity, _ address: SocketAddress?, _ requestID: String
    ) -> Logger.Metadata {
        var metadata = client.metadata
        metadata["request_id"] = "\(requestID)"
        if metadata["address"] == nil, let host = address?.ipAddress { metadata["address"] = "\(host)" }
        return metadata
    }
}

/// Lets a few lines of one kind through and counts the rest, so that a flood of bad clients can't flood the log. No
/// clock of its own.
struct LogThrottle {
    static let lines = 5
    static let window = TimeAmount.seconds(10)

    private var windowStart: NIODeadline?
    private var written = 0
    private var unwritten = 0

    /// - Returns: `nil` when the line is not to be written, else how many were not since the last one that was.
    mutating func next(at now: NIODeadline) -> Int? {
        if windowStart.map({ now - $0 >= Self.window }) ?? true {
            windowStart = now
            written = 0
        }
        guard written < Self.lines else {
            unwritten += 1
            return nil
        }
        written += 1
        defer { unwritten = 0 }
        return unwritten
    }
}
