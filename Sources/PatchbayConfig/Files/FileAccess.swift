import PatchbayAPI

/// How a load gets at files, so that tests and the fuzzer can give it others than those of the machine.
///
/// Thread: any; blocks on the file system.
package struct FileAccess: Sendable {
    /// The bytes of the file at a path, for text of the configuration; fails when there are more than `limit`.
    package var read: @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8]
    /// The same for the value of a `${file:…}`, which is never shown.
    package var readSecret: @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8]
    /// The same for a plugin, whose code runs once it is loaded.
    package var readPlugin: @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8]
    /// Names in a directory, `limit` at most, in any order; `nil` when it can't be read.
    package var names: @Sendable (_ directory: String, _ limit: Int) -> [String]?
    /// What all paths to one file have in common; `nil` when there is nothing.
    package var identity: @Sendable (_ path: String) -> String?
    /// Whether findings may show the lines of a file.
    package var showsLines: @Sendable (_ path: String) -> Bool = { _ in true }

    package init(
        read: @escaping @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8],
        names: @escaping @Sendable (_ directory: String, _ limit: Int) -> [String]?,
        identity: @escaping @Sendable (_ path: String) -> String?
    ) {
        self.read = read
        readSecret = read
        readPlugin = read
        self.names = names
        self.identity = identity
    }

    /// The machine's files.
    package static let system = FileAccess(
        read: { (path, limit) throws(FileFailure) in try FileReader.read(path, limit: limit) },
        names: { FileReader.names(in: $0, limit: $1) }, identity: { FileReader.resolved($0) })

    /// The machine's files below the directory of `path`, symbolic links followed, and those in `known`. What is known as a
    /// secret is only read as one: as text of a configuration, findings about it would show it. For the same reason only lines of
    /// known configuration files are shown; what else lies there may be anything.
    package static func confined(toDirectoryOf path: String, and known: KnownFiles) -> FileAccess {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let root = FileReader.resolved(directory)
        let prefix = root.map { $0 == "/" ? "/" : $0 + "/" }
        func resolved(_ paths: [String]) -> Set<ByteString> {
            Set(paths.compactMap { FileReader.resolved($0).map { ByteString($0) } })
        }
        let configuration = resolved(known.configuration)
        let secrets = resolved(known.secrets)
        let plugins = resolved(known.plugins)
        @Sendable func isBelow(_ resolved: String) -> Bool {
            root.map { resolved.hasSameBytes(as: $0) } == true || prefix.map { resolved.utf8.starts(with: $0.utf8) } == true
        }
        @Sendable func problem(with path: String) -> FileFailure? {
            // What isn't there can't be read either.
            guard let resolved = FileReader.resolved(path) else { return nil }
            if configuration.contains(ByteString(resolved)) { return nil }
            if secrets.contains(ByteString(resolved)) { return .secret }
            return isBelow(resolved) ? nil : .outside
        }
        var access = FileAccess(
            read: { (path, limit) throws(FileFailure) in
                if let problem = problem(with: path) { throw problem }
                return try system.read(path, limit)
            },
            names: { problem(with: $0) == nil ? system.names($0, $1) : nil }, identity: system.identity)
        access.readSecret = { (path, limit) throws(FileFailure) in
            let problem = problem(with: path)
            guard problem == nil || problem == .secret else { throw .outside }
            return try system.read(path, limit)
        }
        // Those who send a candidate must not be able to run code, not even what lies beside the configuration.
        access.readPlugin = { (path, limit) throws(FileFailure) in
            guard let resolved = FileReader.resolved(path) else { throw .notFound }
            guard plugins.contains(ByteString(resolved)) else { throw .strangePlugin }
            return try system.read(path, limit)
        }
        let shown = configuration.subtracting(secrets)
        access.showsLines = { FileReader.resolved($0).map { shown.contains(ByteString($0)) } ?? false }
        return access
    }

    /// There is nothing to read.
    package static let none = FileAccess(
        read: { (_, _) throws(FileFailure) in throw .notFound }, names: { _, _ in nil }, identity: { _ in nil })

    /// Files that are only in memory, by path.
    package static func memory(_ files: [String: [UInt8]]) -> FileAccess {
        FileAccess(
            read: { (path, limit) throws(FileFailure) in
                guard let bytes = files[path] else { throw .notFound }
                guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
                return bytes
            },
            names: { directory, limit in
                let prefix = directory == "." ? "" : directory == "/" ? "/" : directory + "/"
                let below = files.keys.filter { $0.hasPrefix(prefix) }
                guard !below.isEmpty else { return nil }
                return Array(Set(below.map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) }).prefix(limit))
            },
            identity: { files[$0] == nil ? nil : $0 })
    }
}
