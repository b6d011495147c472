public import NIOCore

/// Consecutive frames of one channel, immutable: the same bytes serve every subscriber, and slices in flight never
/// trigger a copy.
///
/// Thread: any.
public final class SealedBatch: Sendable {
    /// Channel offset of the first frame.
    public let firstOffset: Int64
    /// All frames, one after the other.
    public let bytes: ByteBuffer
    private let ends: [UInt32]
    /// Timestamp of the oldest record in it, milliseconds since 1970; -1 when no record has one.
    let oldestRecord: Int64

    init(firstOffset: Int64, bytes: ByteBuffer, ends: [UInt32], oldestRecord: Int64 = -1) {
        self.firstOffset = firstOffset
        self.bytes = bytes
        self.ends = ends
        self.oldestRecord = oldestRecord
    }

    /// Number of frames.
    public var count: Int { ends.count }
    /// Channel offset after the last frame.
    public var endOffset: Int64 { firstOffset + Int64(ends.count) }

    /// The frames from `offset` on, cut before the first frame that would exceed `maxBytes`, but at least one frame.
    /// `offset` must lie in `firstOffset..<endOffset`.
    ///
    /// - Returns: the slice, and the channel offset after its last frame.
    func slice(from offset: Int64, maxBytes: Int) -> (bytes: ByteBuffer, end: Int64) {
        let skip = Int(offset - firstOffset)
        let start = skip == 0 ? 0 : Int(ends[skip - 1])
        if skip == 0, bytes.readableBytes <= maxBytes { return (bytes, endOffset) }
        var last = skip
        if Int(ends[ends.count - 1]) - start <= maxBytes {
            last = ends.count - 1
        } else {
            while last + 1 < ends.count, Int(ends[last + 1]) - start <= maxBytes { last += 1 }
        }
        let length = Int(ends[last]) - start
        let slice = bytes.getSlice(at: bytes.readerIndex + start, length: length) ?? bytes
        return (slice, firstOffset + Int64(last) + 1)
    }
}
