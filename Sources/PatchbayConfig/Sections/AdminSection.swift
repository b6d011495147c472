import PatchbayAPI
import PatchbaySettings

extension AdminSettings: SectionSettings {
    /// `admin`.
    package static let section = Section<AdminSettings>("admin") {
        Setting(
            "enabled", \.isEnabled, .bool, environment: "ADMIN_ENABLED",
            documentation: "Whether there is a listener for operators in addition to the one for clients.",
            example: "enabled: false")
        Setting(
            "host", \.host, .string(), rule: NameRules.host, environment: "ADMIN_HOST",
            documentation: """
                Address to listen on. Anyone who can reach it can reload the configuration, so keep it off the clients' network.
                """,
            example: "host: 127.0.0.1")
        Setting(
            "port", \.port, .integer(1...65535), zero: "any free port", environment: "ADMIN_PORT",
            documentation: "TCP port to listen on.",
            example: "port: 8081")
        Setting(
            "allowed_hosts", \.allowedHosts, .list(.string()), rule: NameRules.hostPattern, environment: "ADMIN_ALLOWED_HOSTS",
            documentation: """
                Names that tools use to reach this listener, besides `localhost`, `host` itself and addresses: a request for any \
                other name is answered with HTTP status 421, so that no web page can use its own name for this address. \
                `*.example.com` is every host below `example.com`, `*` every name.
                """,
            example: "allowed_hosts: [patchbay-admin.internal]")
    }
}
