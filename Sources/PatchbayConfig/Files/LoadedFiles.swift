import PatchbayAPI

/// The files of one load: reads them and remembers which were looked for.
///
/// Thread: the one that loads; one instance per load.
final class LoadedFiles {
    private let access: FileAccess
    private var seen: Set<ByteString> = []
    /// In the order in which they were first looked for, directories included.
    private(set) var paths: [String] = []
    /// The same by what they were looked for.
    private(set) var known = KnownFiles()
    private var seenSecrets: Set<ByteString> = []
    private var seenConfiguration: Set<ByteString> = []
    /// Files of the configuration by what findings call them.
    private var texts: [(name: String, path: String)] = []
    private var hasher = Hasher()

    /// Of everything read so far; the same for the same contents, within this process.
    var contentHash: Int {
        let hasher = hasher
        return hasher.finalize()
    }

    init(access: FileAccess) { self.access = access }

    /// Text of the configuration.
    func read(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        noteConfiguration(path)
        return try hashed(path, limit, access.read)
    }

    /// The value of a `${file:…}`.
    func readSecret(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        if seenSecrets.insert(identity(path)).inserted { known.secrets.append(path) }
        note(path)
        return try hashed(path, limit, access.readSecret)
    }

    /// The content of a plugin.
    func readPlugin(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        if !known.plugins.containsBytes(of: path) { known.plugins.append(path) }
        note(path)
        return try hashed(path, limit, access.readPlugin)
    }

    /// A file of the configuration was read, which findings call by another name when its path is secret.
    func note(text path: String, name: String) { texts.append((name, path)) }

    /// Names of files whose lines findings must not show. Known when everything is read: a file may be text first and the
    /// value of a `${file:…}` later.
    var unshown: [String] {
        texts.lazy.filter { self.seenSecrets.contains(self.identity($0.path)) || !self.access.showsLines($0.path) }.map(\.name)
    }

    private func hashed(
        _ path: String, _ limit: Int, _ read: (String, Int) throws(FileFailure) -> [UInt8]
    ) throws(FileFailure) -> [UInt8] {
        do throws(FileFailure) {
            let bytes = try read(path, limit)
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
            return bytes
        } catch {
            hasher.combine(error)
            throw error
        }
    }

    func names(in directory: String, limit: Int) -> [String]? {
        noteConfiguration(directory)
        let names = access.names(directory, limit)
        hasher.combine(names?.map { ByteString($0) }.sorted())
        return names
    }

    /// What all paths to one file have in common.
    func identity(_ path: String) -> ByteString { ByteString(access.identity(path) ?? path) }

    private func noteConfiguration(_ path: String) {
        if seenConfiguration.insert(ByteString(path)).inserted { known.configuration.append(path) }
        note(path)
    }

    private func note(_ path: String) {
        if seen.insert(ByteString(path)).inserted { paths.append(path) }
    }
}

/// The files of a load, by what they are read for. A file may be both.
public struct KnownFiles: Sendable, Equatable {
    /// Text of the configuration: the main file, and what it includes with the directories of patterns. Findings show
    /// their lines.
    public var configuration: [String]
    /// Values of `${file:…}`, which are never shown.
    public var secrets: [String]
    /// Plugins, whose code runs.
    public var plugins: [String]

    public init(configuration: [String] = [], secrets: [String] = [], plugins: [String] = []) {
        self.configuration = configuration
        self.secrets = secrets
        self.plugins = plugins
    }

    /// The files of all.
    public func joined(with other: KnownFiles) -> KnownFiles {
        func joined(_ own: [String], _ others: [String]) -> [String] {
            let known = Set(own.map { ByteString($0) })
            return own + others.filter { !known.contains(ByteString($0)) }
        }
        return KnownFiles(
            configuration: joined(configuration, other.configuration), secrets: joined(secrets, other.secrets),
            plugins: joined(plugins, other.plugins))
    }
}
