import PatchbayAPI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a helper's process has in memory, as the kernel counts it: its resident set, with what it uses of the area that it shares
/// with the router.
///
/// Thread: any.
final class HelperMemory: PluginMemory {
    private let path: String

    init(process: Int32) { path = "/proc/\(process)/statm" }

    var bytes: Int? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // A few numbers of pages.
        var text = [UInt8](repeating: 0, count: 256)
        let count = read(file, &text, text.count)
        let fields = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
