import CRuntime

/// Sends on many sockets by one system call, through the kernel's io_uring.
///
/// Thread: the one that made it, all of it.
final class SendRing {
    /// Sends of one system call.
    static let capacity = 64
    /// Pieces of all of them together, where sockets get several.
    private static let mostPieces = 512

    // Sound: ours alone, freed in `deinit`.
    private let ring: OpaquePointer
    private(set) var count = 0
    /// Whether the kernel refused a call: nothing more can be sent.
    private(set) var isBroken = false

    /// Fails where the kernel doesn't let us: `send_ring_make` says when.
    init?() {
        guard let ring = send_ring_make(UInt32(Self.capacity), UInt32(Self.mostPieces)) else { return nil }
        self.ring = ring
    }

    deinit { send_ring_free(ring) }

    /// Adds a send of bytes that stay where they are until `submit` returns.
    ///
    /// - Returns: whether there was room.
    func add(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Bool {
        noting(send_ring_add(ring, descriptor, bytes.baseAddress, bytes.count))
    }

    /// The same of several pieces, one behind the other.
    func add(_ pieces: UnsafeBufferPointer<send_ring_piece>, to descriptor: CInt) -> Bool {
        noting(send_ring_add_pieces(ring, descriptor, pieces.baseAddress, pieces.count))
    }

    private func noting(_ isAdded: Bool) -> Bool {
        if isAdded { count += 1 }
        return isAdded
    }

    /// Sends what was added. The kernel needs none of its memory any more when this returns.
    func submit() {
        guard count > 0 else { return }
        isBroken = !send_ring_submit(ring)
    }

    /// Bytes that the socket of the send added as `index`-th took; 0 when it took none, for whatever reason. `nil` when the kernel
    /// didn't say.
    func taken(_ index: Int) -> Int? {
        let bytes = send_ring_taken(ring, UInt32(index))
        return bytes < 0 ? nil : Int(bytes)
    }

    /// Makes room for the next sends. Results are gone.
    func removeAll() {
        send_ring_clear(ring)
        count = 0
    }
}
