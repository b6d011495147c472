import PatchbayAPI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Notices when files change, however that is done: written in place, replaced by a rename, or behind a symbolic link
/// that now points elsewhere, as Kubernetes swaps `..data`.
///
/// It looks at the files a few times a second. Notifications of the kernel would be quicker by a fraction of a second,
/// but don't come at all from network file systems and some container mounts.
///
/// Thread: any.
public struct FileWatcher: Sendable {
    /// What tells one state of a file from another. Links are followed.
    struct Fingerprint: Equatable, Sendable {
        /// 0 when there is nothing.
        var inode: UInt64 = 0
        var device: UInt64 = 0
        var size: Int64 = 0
        var modifiedSeconds: Int64 = 0
        var modifiedNanoseconds: Int64 = 0

        init(path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            inode = UInt64(status.st_ino)
            device = UInt64(status.st_dev)
            // A directory's size and time change with what is in it, which is what a glob needs.
            size = Int64(status.st_size)
            modifiedSeconds = Int64(status.st_mtim.tv_sec)
            modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
        }
    }

    /// Decides, from one look to the next, whether a change is to be taken up: when it has stood still between two looks, so
    /// that a file is not read while it is being written; or when the files have been changing for so many looks that
    /// waiting for them to stand still could mean waiting for ever.
    struct Settling {
        /// As last taken up, or found unchanged.
        private var settled: [ByteString: Fingerprint]
        private var last: [ByteString: Fingerprint]
        private var looks = 0
        private let mostLooks: Int

        /// - Parameter mostLooks: after which what stands is taken up.
        init(_ first: Look, mostLooks: Int) {
            settled = first.fingerprints
            last = first.fingerprints
            self.mostLooks = mostLooks
        }

        /// Whether what is there now is to be taken up.
        mutating func takesUp(_ look: Look) -> Bool {
            let now = look.fingerprints
            // Files that came to the list or left it are no change of their own.
            let differs = now.contains { path, fingerprint in settled[path].map { $0 != fingerprint } ?? false }
            let isStill = now == last
            last = now
            guard differs else {
                settled = now
                looks = 0
                return false
            }
            looks += 1
            guard isStill || looks >= mostLooks else { return false }
            settled = now
            looks = 0
            return true
        }
    }

    /// A state of several files, to compare with a later one.
    public struct Look: Sendable, Equatable {
        fileprivate let fingerprints: [ByteString: Fingerprint]
    }

    /// How these files are now. Blocks on the file system.
    public static func look(atFiles files: [String]) -> Look { Look(fingerprints: look(at: files)) }

    /// Time between two looks. A change is reported when it has stood still from one look to the next, so that a file
    /// is not read while it is being written, or when it has gone on for `patience`.
    public static let interval = Duration.milliseconds(200)

    /// A file that changes for longer is read as it stands: some are written to for ever.
    public static let patience = Duration.seconds(2)

    private let interval: Duration
    private let patience: Duration

    public init(interval: Duration = FileWatcher.interval, patience: Duration = FileWatcher.patience) {
        self.interval = interval
        self.patience = patience
    }

    /// Calls `changed` whenever one of the files has changed, until the task is cancelled. `files` is asked before every
    /// look, since a changed file may include others.
    public func run(files: @Sendable () -> [String], changed: @Sendable () async -> Void) async {
        var settling = Settling(Self.look(atFiles: files()), mostLooks: max(1, Int(patience / interval)))
        while (try? await Task.sleep(for: interval)) != nil {
            if settling.takesUp(Self.look(atFiles: files())) { await changed() }
        }
    }

    private static func look(at files: [String]) -> [ByteString: Fingerprint] {
        Dictionary(files.map { (ByteString($0), Fingerprint(path: $0)) }) { first, _ in first }
    }
}
