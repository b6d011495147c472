import PatchbayAPI

/// What came of loading a configuration.
public struct LoadResult: Sendable {
    /// `nil` exactly when `diagnostics` holds an error.
    public let configuration: RouterConfiguration?
    /// Everything found, by position; what has none (environment, file as a whole) comes first;
    /// beyond 1,000 findings the last one says how many more there are.
    public let diagnostics: [Diagnostic]
    /// Every setting in effect and where it comes from, in the order of the declarations; empty after an error,
    /// and when they were not asked for.
    public let origins: [ResolvedSetting]
    /// Every file that was read or looked for, so that a change of any of them can be noticed: the file itself, included
    /// files with the directories of patterns, and the files of `${file:…}`.
    public let files: [String]
    /// The same by what they are read for.
    public let known: KnownFiles
    /// Of everything that was read; the same for the same contents, within this process.
    public let contentHash: Int
    /// The lines of the files, for what is found about the configuration later.
    package let sources: FindingSources

    init(
        configuration: RouterConfiguration?, diagnostics: [Diagnostic], origins: [ResolvedSetting], files: [String],
        known: KnownFiles = KnownFiles(), contentHash: Int = 0, sources: FindingSources = FindingSources()
    ) {
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.origins = origins
        self.files = files
        self.known = known
        self.contentHash = contentHash
        self.sources = sources
    }
}

/// One setting in effect.
public struct ResolvedSetting: Sendable, Equatable {
    /// Such as `server.port` or `routes[0].transform.aggregate.windows`; lists count from 0.
    public let path: String
    /// `nil` for a secret.
    public let value: ConfigValue?
    public let origin: ValueOrigin

    package init(path: String, value: ConfigValue?, origin: ValueOrigin) {
        self.path = path
        self.value = value
        self.origin = origin
    }
}
