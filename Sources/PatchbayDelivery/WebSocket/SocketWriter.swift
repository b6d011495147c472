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

    /// The first slice of most passes is the only one.
    private var first: ByteBuffer?
    private var more: [ByteBuffer] = []
    /// The socket's descriptor; `nil` where the channel has none of its own, or something below changes the bytes.
    private let descriptor: CInt?
    /// Writes that the channel has not finished.
    private(set) var inChannel = 0

    /// - Parameter channel: has nothing to write, and nothing in its pipeline changes what is written.
    init(_ channel: any Channel) {
        self.init(descriptor: try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 })
    }

    init(descriptor: CInt?) { self.descriptor = descriptor }

    /// Queues a slice without writing it.
    mutating func append(_ slice: ByteBuffer) {
        if first == nil {
            first = slice
        } else {
            more.append(slice)
        }
    }

    /// Writes what is queued to the socket, which must still be open.
    ///
    /// - Returns: what the channel has to write; `nil` when that is nothing.
    mutating func flush() -> [ByteBuffer]? {
        guard let slice = first else { return nil }
        first = nil
        guard let descriptor, inChannel == 0 else {
            defer { more = [] }
            return [slice] + more
        }
        guard more.isEmpty else { return flush([slice] + more, to: descriptor) }
        let written = slice.withUnsafeReadableBytes { Self.hand($0, to: descriptor) }
        return written == slice.readableBytes ? nil : [Self.rest(of: slice, after: written)]
    }

    private mutating func flush(_ slices: [ByteBuffer], to descriptor: CInt) -> [ByteBuffer]? {
        // Clients get several slices now and then; the memory isn't kept for all who ever did.
        more = []
        var index = 0
        while index < slices.count {
            let end = min(index + Self.mostSlices, slices.count)
            var written = Self.hand(slices[index..<end], to: descriptor)
            while index < end, written >= slices[index].readableBytes {
                written -= slices[index].readableBytes
                index += 1
            }
            if index < end { return [Self.rest(of: slices[index], after: written)] + slices[(index + 1)...] }
        }
        return nil
    }

    /// The channel got something to write.
    mutating func handedOver() { inChannel += 1 }

    /// The channel has written it, or never will.
    mutating func taken() { inChannel -= 1 }

    private static func rest(of slice: ByteBuffer, after written: Int) -> ByteBuffer {
        var rest = slice
        rest.moveReaderIndex(forwardBy: written)
        return rest
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
