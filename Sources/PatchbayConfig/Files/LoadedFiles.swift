import PatchbayAPI

/// The files of one load: reads them and remembers which were looked for.
///
/// Thread: the one that loads; one instance per load.
final class LoadedFiles {
    private let access: FileAccess
    private var seen: Set<ByteString> = []
    /// In the order in which they were first looked for, directories included.
    private(set) var paths: [String] = []
    private var hasher = Hasher()

    /// Of everything read so far; the same for the same contents, within this process.
    var contentHash: Int {
        let hasher = hasher
        return hasher.finalize()
    }

    init(access: FileAccess) { self.access = access }

    func read(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        note(path)
        do throws(FileFailure) {
            let bytes = try access.read(path, limit)
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
            return bytes
        } catch {
            hasher.combine(error)
            throw error
        }
    }

    func names(in directory: String, limit: Int) -> [String]? {
        note(directory)
        let names = access.names(directory, limit)
        hasher.combine(names?.map { ByteString($0) }.sorted())
        return names
    }

    /// What all paths to one file have in common.
    func identity(_ path: String) -> ByteString { ByteString(access.identity(path) ?? path) }

    private func note(_ path: String) {
        if seen.insert(ByteString(path)).inserted { paths.append(path) }
    }
}
