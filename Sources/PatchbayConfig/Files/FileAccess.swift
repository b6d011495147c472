import PatchbayAPI

/// How a load gets at files, so that tests and the fuzzer can give it others than those of the machine.
///
/// Thread: any; blocks on the file system.
package struct FileAccess: Sendable {
    /// The bytes of the file at a path; fails when there are more than `limit`.
    package var read: @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8]
    /// Names in a directory, `limit` at most, in any order; `nil` when it can't be read.
    package var names: @Sendable (_ directory: String, _ limit: Int) -> [String]?
    /// What all paths to one file have in common; `nil` when there is nothing.
    package var identity: @Sendable (_ path: String) -> String?

    package init(
        read: @escaping @Sendable (_ path: String, _ limit: Int) throws(FileFailure) -> [UInt8],
        names: @escaping @Sendable (_ directory: String, _ limit: Int) -> [String]?,
        identity: @escaping @Sendable (_ path: String) -> String?
    ) {
        self.read = read
        self.names = names
        self.identity = identity
    }

    /// The machine's files.
    package static let system = FileAccess(
        read: { (path, limit) throws(FileFailure) in try FileReader.read(path, limit: limit) },
        names: { FileReader.names(in: $0, limit: $1) }, identity: { FileReader.resolved($0) })

    /// The machine's files below the directory of `path`, symbolic links followed, and those in `known`.
    package static func confined(toDirectoryOf path: String, and known: [String]) -> FileAccess {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let root = FileReader.resolved(directory)
        let prefix = root.map { $0 == "/" ? "/" : $0 + "/" }
        let known = Set(known.compactMap { FileReader.resolved($0).map { ByteString($0) } })
        @Sendable func isAllowed(_ path: String) -> Bool {
            // What isn't there can't be read either.
            guard let resolved = FileReader.resolved(path) else { return true }
            return known.contains(ByteString(resolved)) || root.map { resolved.hasSameBytes(as: $0) } == true
                || prefix.map { resolved.utf8.starts(with: $0.utf8) } == true
        }
        return FileAccess(
            read: { (path, limit) throws(FileFailure) in
                guard isAllowed(path) else { throw .outside }
                return try system.read(path, limit)
            },
            names: { isAllowed($0) ? system.names($0, $1) : nil }, identity: system.identity)
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
