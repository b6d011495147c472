/// The files of one load: reads them and remembers which were looked for.
///
/// Thread: the one that loads; one instance per load.
final class LoadedFiles {
    private let access: FileAccess
    private var seen: Set<String> = []
    /// In the order in which they were first looked for, directories included.
    private(set) var paths: [String] = []

    init(access: FileAccess) { self.access = access }

    func read(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        note(path)
        return try access.read(path, limit)
    }

    func names(in directory: String, limit: Int) -> [String]? {
        note(directory)
        return access.names(directory, limit)
    }

    /// What all paths to one file have in common.
    func identity(_ path: String) -> String { access.identity(path) ?? path }

    private func note(_ path: String) {
        if seen.insert(path).inserted { paths.append(path) }
    }
}
