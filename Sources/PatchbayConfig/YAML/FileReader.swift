import Glibc

/// Reads a whole file into memory, up to a limit.
///
/// Thread: any; blocks on the file system.
enum FileReader {
    enum Failure: Error, Equatable {
        case notFound
        case isDirectory
        case notPermitted
        case notRegular
        case tooLarge(limit: Int)
        case other(Int32)

        /// Completes "can't read `x`: …".
        var reason: String {
            switch self {
            case .notFound: "no such file"
            case .isDirectory: "it is a directory, not a file"
            case .notPermitted: "permission denied"
            case .notRegular: "it is neither a file nor a pipe"
            case .tooLarge(let limit): "it is larger than \(Quantity.size(Int64(limit)))"
            case .other(let code): "the system says error \(code)"
            }
        }
    }

    /// The bytes of the file at `path`; never holds more than `limit` plus one chunk in memory.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        // Non-blocking, so that opening a pipe nobody writes to returns instead of hanging the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure(code: errno) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw .isDirectory
        case S_IFREG: break
        case S_IFIFO: _ = fcntl(descriptor, F_SETFL, O_RDONLY)
        default: throw .notRegular
        }

        let chunkSize = 64 * 1024
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunkSize)
            if count == 0 { return bytes }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw Failure(code: code)
            }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > limit { throw .tooLarge(limit: limit) }
        }
    }
}

extension FileReader.Failure {
    init(code: Int32) {
        self =
            switch code {
            case ENOENT, ENOTDIR: .notFound
            case EISDIR: .isDirectory
            case EACCES, EPERM: .notPermitted
            default: .other(code)
            }
    }
}
