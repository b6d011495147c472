#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The program that runs plugins with `isolate: process`.
enum HelperProgram {
    static let name = "patchbay-plugin-host"

    /// Beside the router's own program, where it is installed.
    static let path: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + name
    }()

    static func isThere(_ path: String) -> Bool { access(path, X_OK) == 0 }
}
