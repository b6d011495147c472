import PatchbayAPI

extension ConfigFields {
    /// Keys of `admin`.
    public static let admin: [Field] = [
        Field(
            "enabled", .bool, default: .bool(true), environment: "ADMIN_ENABLED",
            documentation: "Whether there is a listener for operators besides the one for clients.",
            example: "enabled: false"),
        Field(
            "host", .string(), default: .string("127.0.0.1"), environment: "ADMIN_HOST",
            documentation: """
                Address to listen on. Anyone who reaches it may reload the configuration, so keep it from the clients' network.
                """,
            example: "host: 127.0.0.1"),
        Field(
            "port", .integer(1...65535), default: .integer(8081), zero: "any free port", environment: "ADMIN_PORT",
            documentation: "TCP port to listen on.",
            example: "port: 8081"),
        Field(
            "allowed_hosts", .list(.string()), default: .list([]), environment: "ADMIN_ALLOWED_HOSTS",
            documentation: """
                Names under which tools reach this listener, besides `localhost`, `host` itself and addresses: a request for any \
                other name is answered with HTTP status 421, so that no web page can use its own name for this address. \
                `*.example.com` is every host below one, `*` every name.
                """,
            example: "allowed_hosts: [patchbay-admin.internal]"),
    ]

    /// Keys of `reload`.
    public static let reload: [Field] = [
        Field(
            "watch", .bool, default: .bool(true), environment: "RELOAD_WATCH",
            documentation: """
                Whether the files are watched and a change is taken up by itself. SIGHUP and `POST /-/reload` reload in any \
                case.
                """,
            example: "watch: false")
    ]
}
