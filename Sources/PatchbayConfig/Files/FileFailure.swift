#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a file can't be read.
package enum FileFailure: Error, Equatable {
    case notFound
    case isDirectory
    case notPermitted
    case notRegular
    case tooLarge(limit: Int)
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
