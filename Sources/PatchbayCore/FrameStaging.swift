/// Frames of one channel gathered during one batch, before they go into the channel log under its lock.
///
/// Thread: consumer.
struct FrameStaging: ~Copyable {
    private var arena: ByteArena
    /// End of each frame, counted in bytes from the start.
    private(set) var ends: [UInt32] = []
    /// Timestamp of the oldest record, milliseconds since 1970; -1 while there is none.
    private(set) var oldestRecord: Int64 = -1

    init(capacity: Int = 4096) { arena = ByteArena(capacity: capacity) }

    var byteCount: Int { arena.count }
    var frameCount: Int { ends.count }
    var isEmpty: Bool { ends.isEmpty }

    /// Appends one text frame whose payload is `prefix`, `data` and `suffix` joined.
    @inline(__always)
    mutating func append(
        prefix: [UInt8], data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer, recordTimestamp: Int64 = -1
    ) {
        if recordTimestamp >= 0, oldestRecord < 0 || recordTimestamp < oldestRecord { oldestRecord = recordTimestamp }
        let payload = prefix.count + data.count + suffix.count
        arena.reserve(payload + FrameHeader.maximumSize)
        arena.appendReserved { FrameHeader.write(payloadSize: payload, to: $0) }
        prefix.withUnsafeBytes { arena.appendReserved($0) }
        arena.appendReserved(data)
        arena.appendReserved(suffix)
        ends.append(UInt32(truncatingIfNeeded: arena.count))
    }

    /// Lends the bytes gathered so far.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { body(arena.bytes) }

    mutating func removeAll() {
        arena.removeAll()
        ends.removeAll(keepingCapacity: true)
        oldestRecord = -1
    }
}
