import PatchbayAPI
import PatchbayDelivery

/// Why something was refused, as a stable word for programs: one table, from which the documents are generated.
public struct ErrorCode: Sendable, Hashable {
    /// Who is told, and how.
    public enum Place: Sendable, Hashable {
        /// An `error` message on an open connection.
        case message
        /// The answer to a WebSocket handshake, with this HTTP status.
        case handshake(Int)
        /// The answer to any other HTTP request, with this status.
        case endpoint(Int)
        /// The answer of the admin listener, with this status.
        case admin(Int)
    }

    public let code: String
    public let place: Place
    /// When it is sent, for the reference.
    public let meaning: String

    public init(_ code: String, _ place: Place, _ meaning: String) {
        self.code = code
        self.place = place
        self.meaning = meaning
    }

    /// Every code that the server sends.
    public static let all: [ErrorCode] =
        [
            ErrorCode("invalid_json", .message, "The request is not one JSON object."),
            ErrorCode("unknown_type", .message, "`type` is not `subscribe`, `unsubscribe` or `ping`."),
            ErrorCode("unknown_channel", .message, "There is no channel of that name, and no template makes it."),
            ErrorCode(
                "invalid_channel", .message,
                "No channel has that name: more than \(ChannelName.maximumBytes) bytes, control characters, half of a surrogate pair, or a pattern such as `user.*`."
            ),
            ErrorCode("channel_required", .message, "`channel` is missing, empty or not a string."),
            ErrorCode("unknown_field", .message, "The request has an unknown field."),
            ErrorCode("invalid_field", .message, "A field has the wrong type."),
            ErrorCode(
                "too_many_channels", .message,
                "No record has made the channel yet, and the connection, or all clients together, already wait for as many such channels as allowed."
            ),
            ErrorCode("too_many_subscriptions", .message, "The connection is already subscribed to as many channels as allowed."),
            ErrorCode("rate_limited", .message, "The connection made too many requests in a short time."),

            ErrorCode("bad_handshake", .handshake(400), "It is not a WebSocket handshake."),
            ErrorCode("bad_request", .handshake(400), "It is not HTTP/1.1, or doesn't have exactly one `Host`."),
            ErrorCode("forbidden_origin", .handshake(403), "`Origin` is not in `server.allowed_origins`."),
            ErrorCode("not_found", .handshake(404), "There is no WebSocket at that path."),
            ErrorCode("handshake_timeout", .handshake(408), "No complete request came within `server.handshake_timeout`."),
            ErrorCode("upgrade_required", .handshake(426), "The request asks for no upgrade, or asks for it in HTTP/1.0."),
            ErrorCode("unsupported_version", .handshake(426), "`Sec-WebSocket-Version` is not 13."),
            ErrorCode("too_many_connections", .handshake(429), "The address already has `limits.connections_per_address` connections."),
            ErrorCode("headers_too_large", .handshake(431), "The headers together are larger than `limits.max_headers`."),
            ErrorCode("too_many_clients", .handshake(503), "`server.max_clients` clients are connected."),
            ErrorCode("draining", .handshake(503), "The server is shutting down."),

            ErrorCode("not_found", .endpoint(404), "There is nothing at that path."),
            ErrorCode("request_refused", .endpoint(400), "The request can't be read; the status says more."),
            ErrorCode("internal_error", .endpoint(500), "The server failed to answer; its log says why."),

            ErrorCode("unknown_parameter", .admin(400), "The query has an unknown parameter."),
            ErrorCode("invalid_parameter", .admin(400), "A parameter has a value that isn't understood."),
            ErrorCode("unexpected_body", .admin(400), "A candidate was posted without `dry_run=1`."),
            ErrorCode("forbidden_origin", .admin(403), "The request comes from a web page."),
            ErrorCode("unknown_host", .admin(421), "`Host` is not one of this listener's names; see `admin.allowed_hosts`."),
            ErrorCode("body_too_large", .admin(413), "The candidate is larger than a configuration file may be."),
        ] + service

    /// Those of `error` messages.
    static var messages: [ErrorCode] { all.filter { $0.place == .message } }

    /// Those that any endpoint may answer with.
    static var endpoints: [ErrorCode] {
        all.filter { if case .endpoint = $0.place { true } else { false } }
    }

    /// Those that refuse a handshake, by status.
    static var handshakes: [(status: Int, codes: [ErrorCode])] {
        group { if case .handshake(let status) = $0 { status } else { nil } }
    }

    /// Those of the admin listener, by status.
    static var admin: [(status: Int, codes: [ErrorCode])] {
        group { if case .admin(let status) = $0 { status } else { nil } }
    }

    private static func group(_ status: (Place) -> Int?) -> [(status: Int, codes: [ErrorCode])] {
        Dictionary(grouping: all.filter { status($0.place) != nil }) { status($0.place) ?? 0 }
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension ErrorCode {
    /// What the endpoints refuse besides unknown paths, for `all`.
    static let service: [ErrorCode] = [
        ErrorCode("forbidden_origin", .endpoint(403), "The preflight's `Origin` is not in `server.cors_origins`."),
        ErrorCode("method_not_allowed", .endpoint(405), "That path exists, but not for this method."),
        ErrorCode("expectation_failed", .endpoint(417), "`Expect` is something other than `100-continue`."),
        ErrorCode("unknown_transfer_coding", .endpoint(501), "`Transfer-Encoding` is something other than `chunked`."),
        ErrorCode("too_many_http_connections", .endpoint(503), "`limits.http_connections` connections are already open."),
    ]
}
