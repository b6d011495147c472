#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What is behind a file descriptor, as far as writing to it is concerned.
///
/// Here, and not beside its user: in a module that imports SwiftNIO, Swift 6.3's optimised builds take `struct stat` for a declaration of
/// NIO's own C module, which can't be imported.
package enum DescriptorKind: Sendable {
    case pipe, socket, other

    package init(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            self = .other
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFIFO: self = .pipe
        case S_IFSOCK: self = .socket
        default: self = .other
        }
    }
}
