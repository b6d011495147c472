import NIOCore

/// Receive buffers that live no longer than the read they are for. A channel keeps the first buffer that it gets for the next read,
/// which for a connection that says little is more memory than all else it needs.
///
/// SwiftNIO's pool (`NIOPooledRecvBufferAllocator`, 2.101) keeps as many buffers as a channel may read messages at once, so that has
/// to be one, and never gives back the first. So the first is too small to matter: a read more for each connection.
struct TransientReadBuffers: RecvByteBufferAllocator {
    private static let firstCapacity = 8
    /// Bytes of every buffer but the first.
    let capacity: Int
    private var isFirst = true

    init(capacity: Int) { self.capacity = capacity }

    /// Says that the next one may be larger, for then the pool doesn't reuse what it keeps.
    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }

    /// None: a size would make the pool look for a buffer to reuse.
    mutating func nextBufferSize() -> Int? { nil }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: isFirst ? Self.firstCapacity : capacity)
    }
}
