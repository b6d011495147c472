import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import PatchbayKafka

/// What went wrong, for people: the one place that turns errors of libraries into words. What a library calls its own
/// functions and types is of no use to who operates a router.
package enum ErrorSentence {
    /// A clause without a full stop, to stand behind "can't …:".
    package static func of(_ error: any Error) -> String {
        switch error {
        case let error as KafkaError: error.message
        case let error as IOError: system(error.errnoCode)
        case let error as NIOConnectionError: connecting(error)
        case let error as SocketAddressError.UnknownHost: unknownHost(error.host)
        case let error as SocketAddressError: address(error)
        case let error as ChannelError: channel(error)
        case is NIOHTTPClientUpgradeError, is NIOWebSocketUpgradeError: "the answer is not a WebSocket handshake"
        case is NIOWebSocketError: "what was received is not the WebSocket protocol"
        case is HTTPParserError: "the answer is not HTTP"
        case is CancellationError: "it was cancelled"
        case let error as CocoaError: foundation(error as NSError)
        case let error as POSIXError: system(error.code.rawValue)
        default: other(error)
        }
    }

    /// What the operating system calls an error number.
    package static func system(_ code: Int32) -> String {
        switch code {
        case EACCES, EPERM: "permission denied"
        case EADDRINUSE: "the address is in use"
        case EADDRNOTAVAIL: "this machine has no such address"
        case ECONNREFUSED: "connection refused: nothing listens there"
        case ECONNRESET, EPIPE: "the other side closed the connection"
        case EHOSTUNREACH, ENETUNREACH: "there is no route to that host"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n, LimitNOFILE)"
        case ENOENT: "there is no such file or folder"
        case ENOSPC: "no space is left on the device"
        case EROFS: "the file system is read-only"
        case ETIMEDOUT: "no answer in time"
        case EBADF: "it is closed"
        default: lowercased(String(cString: strerror(code)))
        }
    }

    /// One of several addresses of a host is enough to say, unless they fail in different ways.
    private static func connecting(_ error: NIOConnectionError) -> String {
        var seen: Set<String> = []
        let reasons = error.connectionErrors.map { of($0.error) }.filter { seen.insert($0).inserted }
        return reasons.isEmpty ? unknownHost(error.host) : reasons.joined(separator: "; ")
    }

    private static func unknownHost(_ host: String) -> String { "the host name \(host) can't be resolved" }

    private static func address(_ error: SocketAddressError) -> String {
        switch error {
        case .failedToParseIPString(let text): "\(text) is not an IP address"
        case .unixDomainSocketPathTooLong: "the path of the socket is too long"
        default: "this is not a usable address"
        }
    }

    private static func channel(_ error: ChannelError) -> String {
        switch error {
        case .connectTimeout: "no answer in time"
        case .eof, .ioOnClosedChannel, .alreadyClosed, .outputClosed, .inputClosed: "the connection ended before the answer did"
        default: "the connection failed"
        }
    }

    /// Foundation says what it was about to do, the error below it why that failed.
    private static func foundation(_ error: NSError) -> String {
        if error.domain == NSPOSIXErrorDomain { return system(Int32(truncatingIfNeeded: error.code)) }
        if let cause = error.userInfo[NSUnderlyingErrorKey] as? any Error { return of(cause) }
        return lowercased(error.localizedDescription)
    }

    private static func other(_ error: any Error) -> String {
        if type(of: error) is NSError.Type { return foundation(error as NSError) }
        // Ours have words of their own. Of others the kind is what there is to report.
        let kind = String(reflecting: type(of: error))
        return kind.lowercased().hasPrefix("patchbay") ? "\(error)" : "unexpected error of kind \(kind)"
    }

    private static func lowercased(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }
}
