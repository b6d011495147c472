#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The program that runs plugins with `isolate: process`.
enum HelperProgram {
    static let name = "patchbay-plugin-host"

    /// Beside the router's own program, where it is installed.
    static let path = OwnProgram.folder + name

    static func isThere(_ path: String) -> Bool { access(path, X_OK) == 0 }
}
