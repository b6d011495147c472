/// Frames of one channel gathered during one batch, before they go into the channel log under its lock.
///
/// Reused batch after batch: it grows to the largest batch seen and then allocates nothing.
///
/// Thread: consumer.
struct FrameStaging: ~Copyable {
    // Sound: this value is the only owner of the memory (~Copyable), frees it in deinit, and hands it out only to
    // closures that don't keep it.
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var byteCount = 0
    /// End of each frame, counted in bytes from the start.
    private(set) var ends: [UInt32] = []

    init(capacity: Int = 4096) {
        memory = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    deinit { memory.deallocate() }

    var frameCount: Int { ends.count }
    var isEmpty: Bool { ends.isEmpty }

    /// Appends one text frame whose payload is `prefix`, `data` and `suffix` joined.
    @inline(__always)
    mutating func append(prefix: [UInt8], data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer) {
        let payload = prefix.count + data.count + suffix.count
        reserve(payload + FrameHeader.maximumSize)
        byteCount += FrameHeader.write(payloadSize: payload, to: memory + byteCount)
        prefix.withUnsafeBytes { append(bytes: $0) }
        append(bytes: data)
        append(bytes: suffix)
        ends.append(UInt32(truncatingIfNeeded: byteCount))
    }

    /// Lends the bytes gathered so far.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: memory, count: byteCount))
    }

    mutating func removeAll() {
        byteCount = 0
        ends.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    private mutating func append(bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        (memory + byteCount).copyMemory(from: base, byteCount: bytes.count)
        byteCount += bytes.count
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if byteCount + more > capacity { grow(to: byteCount + more) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        var next = capacity
        while next < needed { next *= 2 }
        let larger = UnsafeMutableRawPointer.allocate(byteCount: next, alignment: 16)
        larger.copyMemory(from: memory, byteCount: byteCount)
        memory.deallocate()
        memory = larger
        capacity = next
    }
}
