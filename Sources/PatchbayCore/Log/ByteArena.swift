/// Bytes gathered during one batch. Reused batch after batch: it grows to the largest batch seen and then allocates
/// nothing.
///
/// Thread: consumer.
struct ByteArena: ~Copyable {
    // Sound: this value is the only owner of the memory (~Copyable) and frees it in deinit; readers do so
    // before the next append or removal.
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 4096) {
        memory = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    deinit { memory.deallocate() }

    /// Valid until the next append or the end of the arena.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        appendReserved(bytes)
    }

    /// The same where `reserve` was called for it.
    @inline(__always)
    mutating func appendReserved(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        (memory + count).copyMemory(from: base, byteCount: bytes.count)
        count += bytes.count
    }

    /// Lets `write` fill in up to `size` reserved bytes; it returns how many.
    @inline(__always)
    mutating func appendReserved(_ write: (UnsafeMutableRawPointer) -> Int) { count += write(memory + count) }

    /// Makes room for that many bytes more.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count + more > capacity { grow(to: count + more) }
    }

    mutating func removeAll() { count = 0 }

    @inline(never)
    private mutating func grow(to needed: Int) {
        var next = max(capacity, 64)
        while next < needed { next *= 2 }
        let larger = UnsafeMutableRawPointer.allocate(byteCount: next, alignment: 16)
        larger.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        memory = larger
        capacity = next
    }
}
