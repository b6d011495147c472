import CRuntime
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What one connection writes: gathered during a pass, then handed to the socket by one system call of our own.
///
/// The channel's pipeline costs several times as much as the system call's entry for a small frame, so it only gets what the socket
/// doesn't take, and everything behind that, until it has written it: then nothing waits in it, and bytes stay in order.
///
/// Thread: loop.
struct SocketWriter {
    /// Slices for one system call: what a pass hands to a client that reads some channels fits.
    private static let mostSlices = 64

    /// What waits for the flush. Most passes bring one slice, and there is a writer for every connection.
    private enum Queue {
        case empty
        case one(ByteBuffer)
        case several([ByteBuffer])
    }

    private var queue = Queue.empty
    /// The socket's descriptor; -1 where the channel has none of its own, or something below changes the bytes.
    private let socket: CInt
    /// Writes that the channel has not finished.
    private(set) var inChannel: Int32 = 0

    /// - Parameter channel: has nothing to write, and nothing in its pipeline changes what is written.
    init(_ channel: any Channel) {
        self.init(descriptor: try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 })
    }

    init(descriptor: CInt?) { socket = descriptor ?? -1 }

    /// Where bytes may go straight to now.
    private var descriptor: CInt? { socket >= 0 && inChannel == 0 ? socket : nil }

    /// Queues a slice without writing it.
    mutating func append(_ slice: ByteBuffer) {
        switch queue {
        case .empty: queue = .one(slice)
        case .one(let first): queue = .several([first, slice])
        case .several(var slices):
            // Not shared while it grows.
            queue = .empty
            slices.append(slice)
            queue = .several(slices)
        }
    }

    /// Writes what is queued to the socket, which must still be open.
    ///
    /// - Returns: what the channel has to write; `nil` when that is nothing.
    mutating func flush() -> [ByteBuffer]? {
        // The memory for several slices isn't kept for all who ever had some.
        defer { queue = .empty }
        switch queue {
        case .empty: return nil
        case .one(let slice):
            guard let descriptor else { return [slice] }
            return Self.rest(of: slice, after: slice.withUnsafeReadableBytes { Self.hand($0, to: descriptor) })
        case .several(let slices):
            guard let descriptor else { return slices }
            var index = 0
            while index < slices.count {
                let group = slices[index..<min(index + Self.mostSlices, slices.count)]
                if let rest = Self.rest(of: group, after: Self.hand(group, to: descriptor)) { return rest + slices[group.endIndex...] }
                index = group.endIndex
            }
            return nil
        }
    }

    /// Puts what is queued into a ring, whose `submit` is followed by `flushed`, with nothing in between.
    ///
    /// - Returns: whether it is there. If not, it goes by `flush`.
    func add(to ring: SendRing) -> Bool {
        guard let descriptor else { return false }
        // Sound, beyond the calls that lend the bytes: the queue holds them until `flushed`, and nobody changes them.
        switch queue {
        case .empty: return false
        case .one(let slice): return slice.withUnsafeReadableBytes { ring.add($0, to: descriptor) }
        case .several(let slices):
            guard slices.count <= Self.mostSlices else { return false }
            return withUnsafeTemporaryAllocation(of: send_ring_piece.self, capacity: slices.count) { pieces in
                for (index, slice) in slices.enumerated() { pieces.initializeElement(at: index, to: send_ring_piece(slice)) }
                return ring.add(UnsafeBufferPointer(pieces), to: descriptor)
            }
        }
    }

    /// Forgets what is queued, after a ring has sent it.
    ///
    /// - Parameter count: bytes that the socket took.
    /// - Returns: what the channel has to write; `nil` when that is nothing.
    mutating func flushed(_ count: Int) -> [ByteBuffer]? {
        defer { queue = .empty }
        return switch queue {
        case .empty: nil
        case .one(let slice): Self.rest(of: slice, after: count)
        case .several(let slices): Self.rest(of: slices[...], after: count)
        }
    }

    /// The channel got something to write.
    mutating func handedOver() { inChannel += 1 }

    /// The channel has written it, or never will.
    mutating func taken() { inChannel -= 1 }

    private static func rest(of slices: ArraySlice<ByteBuffer>, after written: Int) -> [ByteBuffer]? {
        var written = written
        for (index, slice) in zip(slices.indices, slices) {
            if let rest = rest(of: slice, after: written) { return rest + slices[(index + 1)...] }
            written -= slice.readableBytes
        }
        return nil
    }

    private static func rest(of slice: ByteBuffer, after written: Int) -> [ByteBuffer]? {
        guard written < slice.readableBytes else { return nil }
        var rest = slice
        rest.moveReaderIndex(forwardBy: written)
        return [rest]
    }

    // MARK: System calls

    // Errors are the channel's to find: it gets the bytes, meets the same error, and closes.

    /// - Returns: bytes that the socket took.
    private static func hand(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Int {
        max(0, send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT)))
    }

    private static func hand(_ slices: ArraySlice<ByteBuffer>, to descriptor: CInt) -> Int {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: slices.count) { parts in
            for (index, slice) in slices.enumerated() {
                // Valid beyond the call: `slices` holds the memory, and nobody changes it.
                slice.withUnsafeReadableBytes { bytes in
                    parts.initializeElement(
                        at: index, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count))
                }
            }
            var message = msghdr()
            message.msg_iov = parts.baseAddress
            message.msg_iovlen = slices.count
            return max(0, sendmsg(descriptor, &message, CInt(MSG_NOSIGNAL | MSG_DONTWAIT)))
        }
    }
}

extension send_ring_piece {
    /// Where a slice's bytes are, for as long as it or a copy of it lives and nobody changes it.
    fileprivate init(_ slice: ByteBuffer) {
        self = slice.withUnsafeReadableBytes { send_ring_piece(bytes: $0.baseAddress, count: $0.count) }
    }
}
