#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Bytes that end where a page ends that nobody may read, and that nobody may write: a plugin that goes one byte too far, or that
/// changes what is not its own, ends the process there and then.
///
/// Thread: any, one at a time.
final class GuardedMemory {
    // Sound: mapped for as long as this lives; what is read beyond is meant to fail.
    private let mapping: UnsafeMutableRawPointer
    private let size: Int
    let bytes: UnsafeRawBufferPointer

    /// `nil` when there is no memory.
    init?(_ content: UnsafeRawBufferPointer) {
        let page = Int(getpagesize())
        let used = max(1, (content.count + page - 1) / page) * page
        size = used + page
        guard let mapping = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), mapping != MAP_FAILED else {
            return nil
        }
        self.mapping = mapping
        let start = mapping + used - content.count
        if let source = content.baseAddress { start.copyMemory(from: source, byteCount: content.count) }
        mprotect(mapping, used, PROT_READ)
        mprotect(mapping + used, page, PROT_NONE)
        bytes = UnsafeRawBufferPointer(start: start, count: content.count)
    }

    deinit { munmap(mapping, size) }

    /// From now on nobody may read it.
    func retire() { mprotect(mapping, size, PROT_NONE) }
}
