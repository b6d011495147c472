package import NIOHTTP1

/// What RFC 9110 and RFC 9112 ask of the head of every request, whatever it wants: decided from plain values, the same for
/// WebSocket handshakes and for the endpoints of both ports.
package enum RequestRules {
    /// An answer that ends the connection.
    package struct Refusal: Equatable {
        package var status: HTTPResponseStatus
        /// A stable code for programs.
        package var code: String
        /// A sentence for people.
        package var message: String

        init(_ status: HTTPResponseStatus, code: String = "bad_request", message: String) {
            self.status = status
            self.code = code
            self.message = message
        }

        /// What the parser could not read.
        package init(_ error: HTTPParserError) {
            switch error {
            case .headerOverflow:
                self.init(
                    .requestHeaderFieldsTooLarge, code: "headers_too_large", message: "the request's headers are too large")
            case .invalidChunkSize:
                self.init(.badRequest, message: "the request's body is not chunked as its Transfer-Encoding says")
            case .invalidContentLength, .unexpectedContentLength:
                self.init(.badRequest, message: "Content-Length must be one number, and not appear beside Transfer-Encoding")
            default: self.init(.badRequest, message: "this is not HTTP/1.1: \(error)")
            }
        }
    }

    // MARK: Two spellings of one thing

    /// Strips the space around headers' values (RFC 9110, section 5.5), which NIO's parser leaves at their ends, and takes
    /// scheme and host off a target that has them (RFC 9112, section 3.2.2); that host then counts, not `Host`.
    package static func normalize(_ head: inout HTTPRequestHead) {
        if head.headers.contains(where: { $0.value.utf8.last.map(isSpace) ?? false || $0.value.utf8.first.map(isSpace) ?? false }) {
            head.headers = HTTPHeaders(head.headers.map { ($0.name, stripped($0.value)) })
        }
        guard let (authority, target) = originForm(head.uri) else { return }
        head.uri = target
        // How often it was given is looked at later, and none is still none.
        if head.headers["Host"].count == 1 { head.headers.replaceOrAdd(name: "Host", value: authority) }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func stripped(_ value: String) -> String {
        let bytes = value.utf8
        guard let start = bytes.firstIndex(where: { !isSpace($0) }), let end = bytes.lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(value[start...end])
    }

    /// `nil` for a target that is not in absolute form.
    private static func originForm(_ uri: String) -> (authority: String, target: String)? {
        guard !uri.utf8.starts(with: "/".utf8) else { return nil }
        let lowercase = uri.prefix(8).lowercased()
        guard let scheme = ["http://", "https://", "ws://", "wss://"].first(where: { lowercase.hasPrefix($0) }) else {
            return nil
        }
        let rest = uri.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let target = rest.dropFirst(authority.count)
        return (String(authority), target.hasPrefix("/") ? String(target) : "/" + target)
    }

    // MARK: What is refused

    /// The parser refuses other versions than 1.0 and 1.1.
    package static func isHTTP10(_ head: HTTPRequestHead) -> Bool { head.version.minor == 0 }

    /// `nil` for a request that may go on.
    package static func refusal(of head: HTTPRequestHead) -> Refusal? {
        let hosts = head.headers["Host"]
        // RFC 9112, section 3.2. Proxies and we might else take different ones.
        guard hosts.count == 1 || (hosts.isEmpty && isHTTP10(head)) else {
            return Refusal(
                .badRequest,
                message: hosts.isEmpty ? "the request has no Host header" : "the request has \(hosts.count) Host headers")
        }
        guard hosts.allSatisfy({ $0.utf8.allSatisfy(isOfHost) }) else {
            return Refusal(.badRequest, message: "the Host header is not a host with or without a port")
        }
        if let refusal = refusalOfBody(head) { return refusal }
        let expectations = head.headers[canonicalForm: "expect"]
        guard isHTTP10(head) || expectations.allSatisfy({ $0.lowercased() == "100-continue" }) else {
            return Refusal(.expectationFailed, code: "expectation_failed", message: "Expect may only be 100-continue")
        }
        return nil
    }

    /// RFC 9112, section 6.1.
    private static func refusalOfBody(_ head: HTTPRequestHead) -> Refusal? {
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        guard head.headers.contains(name: "transfer-encoding") else { return nil }
        guard !isHTTP10(head) else {
            return Refusal(.badRequest, message: "HTTP/1.0 has no Transfer-Encoding")
        }
        guard codings.allSatisfy({ $0.lowercased() == "chunked" }) else {
            return Refusal(
                .notImplemented, code: "unknown_transfer_coding", message: "the only Transfer-Encoding accepted is chunked")
        }
        guard codings.count == 1 else {
            return Refusal(.badRequest, message: "Transfer-Encoding must be chunked, given once")
        }
        guard !head.headers.contains(name: "content-length") else {
            return Refusal(.badRequest, message: "Content-Length and Transfer-Encoding exclude each other")
        }
        return nil
    }

    /// RFC 3986, section 3.2: of a host and a port, without a user before them.
    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
        }
    }

    // MARK: What follows

    /// Whether the answer to the request is the last of its connection.
    ///
    /// It is behind every request that asks for another protocol which we don't take, because NIO's decoder stops there:
    /// what comes next might be that protocol.
    package static func endsConnection(_ head: HTTPRequestHead) -> Bool {
        !head.isKeepAlive || head.method == .CONNECT || head.headers.contains(name: "upgrade")
    }

    /// Whether the client waits with its body until it is told to go on (RFC 9110, section 10.1.1).
    package static func awaitsContinue(_ head: HTTPRequestHead) -> Bool {
        guard !isHTTP10(head), head.headers.contains(name: "expect") else { return false }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        return length > 0 || head.headers.contains(name: "transfer-encoding")
    }
}
