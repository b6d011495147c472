import PatchbayAPI

/// How configuration changes are applied.
public struct ReloadSettings: Sendable, Equatable, SectionSettings {
    /// Whether the files are watched.
    public package(set) var watchesFiles = true
    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    package init() {}

    /// `reload`.
    package static let section = Section<ReloadSettings>("reload") {
        Setting(
            "watch", \.watchesFiles, .bool, environment: "RELOAD_WATCH",
            documentation: """
                Whether the files are watched and changes are applied automatically. SIGHUP and `POST /-/reload` reload in any \
                case.
                """,
            example: "watch: false")
    }
}
