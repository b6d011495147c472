public import NIOCore
import Synchronization

/// Consecutive envelopes of one channel, immutable: the same bytes serve every subscriber, and slices in flight never
/// trigger a copy.
///
/// Thread: any.
public final class SealedBatch: Sendable {
    /// Channel offset of the first envelope.
    public let firstOffset: Int64
    private let stored: Frames
    /// Other forms, made when they were first needed. There are only a few.
    private let derived = Mutex<[(framing: any Framing, frames: Frames)]>([])
    /// Timestamp of the oldest record in it, milliseconds since 1970; -1 when no record has one.
    let oldestRecord: Int64

    init(firstOffset: Int64, bytes: ByteBuffer, ends: [UInt32], oldestRecord: Int64 = -1) {
        self.firstOffset = firstOffset
        self.stored = Frames(bytes: bytes, ends: ends)
        self.oldestRecord = oldestRecord
    }

    /// All envelopes in the form that the log keeps, one after the other.
    public var bytes: ByteBuffer { stored.bytes }
    /// Number of envelopes.
    public var count: Int { stored.ends.count }
    /// Channel offset after the last envelope.
    public var endOffset: Int64 { firstOffset + Int64(count) }

    // MARK: Other forms (Thread: loop)

    /// All envelopes in another form. The first one who asks makes it; others wait for that.
    ///
    /// - Returns: them, and whether they were made for this call.
    func frames(in framing: any Framing) -> (frames: Frames, isNew: Bool) {
        derived.withLock { derived in
            if let found = derived.first(where: { $0.framing === framing }) { return (found.frames, false) }
            let frames = derive(framing)
            derived.append((framing, frames))
            return (frames, true)
        }
    }

    private func derive(_ framing: any Framing) -> Frames {
        var bytes = ByteBufferAllocator().buffer(capacity: stored.bytes.readableBytes + 16 * count)
        var ends: [UInt32] = []
        ends.reserveCapacity(count)
        stored.bytes.withUnsafeReadableBytes { all in
            var start = 0
            for (index, end) in stored.ends.enumerated() {
                let frame = UnsafeRawBufferPointer(rebasing: all[start..<Int(end)])
                framing.append(FrameHeader.payload(of: frame), offset: firstOffset + Int64(index), to: &bytes)
                ends.append(UInt32(truncatingIfNeeded: bytes.readableBytes))
                start = Int(end)
            }
        }
        return Frames(bytes: bytes, ends: ends)
    }

    // MARK: Parts

    /// Some of a batch's envelopes, in order.
    struct Part: Sendable {
        let batch: SealedBatch
        /// Counted from the batch's first.
        let range: Range<Int>
        /// Their bytes in the form that the log keeps.
        let byteCount: Int

        /// Channel offset after the last of them.
        var endOffset: Int64 { batch.firstOffset + Int64(range.upperBound) }
        /// In the form that the log keeps.
        var bytes: ByteBuffer { batch.stored.slice(range) }
    }

    /// The envelopes from `offset` on, cut before the first one that would exceed `maxBytes` in the form that the log keeps, but at
    /// least one. `offset` must lie in `firstOffset..<endOffset`.
    func part(from offset: Int64, maxBytes: Int) -> Part {
        let ends = stored.ends
        let skip = Int(offset - firstOffset)
        let start = skip == 0 ? 0 : Int(ends[skip - 1])
        var last = skip
        if Int(ends[ends.count - 1]) - start <= maxBytes {
            last = ends.count - 1
        } else {
            while last + 1 < ends.count, Int(ends[last + 1]) - start <= maxBytes { last += 1 }
        }
        return Part(batch: self, range: skip..<last + 1, byteCount: Int(ends[last]) - start)
    }
}
