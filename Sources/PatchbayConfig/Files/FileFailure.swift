#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
        case .outside: "a candidate only gets files below the server's own and those that the server reads already"
        case .secret: "the server reads it as a secret, with `${file:…}`, so that a candidate can't include it"
        case .isDirectory: "it is a directory, not a file"
        case .notPermitted: "permission denied"
        case .notRegular: "it is neither a file nor a pipe"
        case .tooLarge(let limit): "it is larger than \(Quantity.size(Int64(limit)))"
        case .other(let code): "the system says error \(code)"
        }
    }
}
