#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads files and directories into memory, up to a limit.
///
/// Thread: any; blocks on the file system.
enum FileReader {
    /// The bytes of the file at `path`; never holds more than `limit` plus one chunk in memory.
    static func read(_ path: String, limit: Int) throws(FileFailure) -> [UInt8] {
        // Non-blocking, so that opening a pipe nobody writes to returns instead of hanging the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileFailure(code: errno) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFailure(code: errno) }
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
            let count = systemRead(descriptor, &chunk, chunkSize)
            if count == 0 { return bytes }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw FileFailure(code: code)
            }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > limit { throw .tooLarge(limit: limit) }
        }
    }

    /// Names in a directory without `.` and `..`, `limit` at most, in no order; `nil` when it can't be read.
    static func names(in directory: String, limit: Int) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// The path without links; `nil` when there is nothing.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// `read` of the C library, which the name of our own hides.
    private static func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, buffer, count)
        #else
            Musl.read(descriptor, buffer, count)
        #endif
    }
}

/// Why a file can't be read.
package enum FileFailure: Error, Hashable {
    case notFound
    case isDirectory
    case notPermitted
    case notRegular
    case tooLarge(limit: Int)
    /// A candidate for the configuration names a file that it may not have read.
    case outside
    /// A candidate includes a file that the configuration in force reads with `${file:…}`.
    case secret
    /// A candidate names a plugin that the configuration in force doesn't have.
    case strangePlugin
    case other(Int32)

    init(code: Int32) {
        self =
            switch code {
            case ENOENT, ENOTDIR: .notFound
            case EISDIR: .isDirectory
            case EACCES, EPERM: .notPermitted
            default: .other(code)
            }
    }

    /// Completes "can't read `x`: …".
    package var reason: String {
        switch self {
        case .notFound: "no such file"
        case .outside: "a candidate can only read files below the directory of the server's file and those that the server already reads"
        case .secret: "the server reads it as a secret, with `${file:…}`, so a candidate can't include it"
        case .strangePlugin: "a candidate can only name plugins that the server has already; reload the file itself"
        case .isDirectory: "it is a directory, not a file"
        case .notPermitted: "permission denied"
        case .notRegular: "it is neither a file nor a pipe"
        case .tooLarge(let limit): "it is larger than \(Quantity.size(Int64(limit)))"
        case .other(let code): "the system says error \(code)"
        }
    }
}
