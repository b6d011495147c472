import PatchbayAPI

/// A path with `*`, `?` and `[…]` in its parts (see `NamePattern`), and the files that match it.
struct PathPattern {
    /// Names looked at, so that no pattern walks a whole disk.
    static let nameLimit = 100_000

    enum Problem: Error, Equatable {
        /// More than `nameLimit` names would have to be looked at.
        case tooManyNames
    }

    private let path: String

    /// `nil` for a path without wildcards.
    init?(_ path: String) {
        guard path.utf8.contains(where: { [0x2A, 0x3F, 0x5B].contains($0) }) else { return nil }
        self.path = path
    }

    /// The paths that match, in order. Directories that were looked into are remembered by `files`.
    func matches(_ files: LoadedFiles) throws(Problem) -> [String] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        let firstWild = parts.firstIndex { PathPattern(String($0)) != nil } ?? parts.endIndex
        let root = path.hasPrefix("/") ? "/" : ""
        var found = [root + parts[..<firstWild].joined(separator: "/")]
        var remaining = Self.nameLimit
        for part in parts[firstWild...] {
            let name = NamePattern(String(part))
            var next: [String] = []
            for directory in found {
                // One more than allowed tells that there are more.
                let names = files.names(in: directory.isEmpty ? "." : directory, limit: remaining + 1) ?? []
                remaining -= names.count
                guard remaining >= 0 else { throw .tooManyNames }
                let prefix = directory.isEmpty || directory == "/" ? directory : directory + "/"
                next += names.filter(name.matches).map { prefix + $0 }
            }
            found = next
        }
        return found.sortedByBytes()
    }
}
