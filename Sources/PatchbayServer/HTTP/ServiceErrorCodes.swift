extension ErrorCode {
    /// What the endpoints refuse besides unknown paths, for `all`.
    static let service: [ErrorCode] = [
        ErrorCode("forbidden_origin", .endpoint(403), "The preflight's `Origin` is not in `server.cors_origins`."),
        ErrorCode("method_not_allowed", .endpoint(405), "There is something at that path, but not for this method."),
        ErrorCode("too_many_http_connections", .endpoint(503), "`limits.http_connections` are open already."),
    ]
}
