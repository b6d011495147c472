import PatchbayDelivery

extension ErrorCode {
    /// What the endpoints refuse besides unknown paths, for `all`.
    static let service: [ErrorCode] = [
        ErrorCode("forbidden_origin", .endpoint(403), "The preflight's `Origin` is not in `server.cors_origins`."),
        ErrorCode("method_not_allowed", .endpoint(405), "There is something at that path, but not for this method."),
        ErrorCode("expectation_failed", .endpoint(417), "`Expect` is something else than `100-continue`."),
        ErrorCode("unknown_transfer_coding", .endpoint(501), "`Transfer-Encoding` is something else than `chunked`."),
        ErrorCode("too_many_http_connections", .endpoint(503), "`limits.http_connections` are open already."),
    ]
}
