/// Frames of one channel gathered during one batch, before they go into the channel log under its lock.
///
/// Thread: consumer.
struct FrameStaging: ~Copyable {
    // Sound: this value is the only owner of both memories (~Copyable) and frees them in deinit; readers do so
    // before the next append or removal. Plain memory, because an array would be asked for every frame whether it is
    // shared.
    private var arena: ByteArena
    private var endsMemory: UnsafeMutablePointer<UInt32>
    private var endsCapacity = 128
    private(set) var frameCount = 0
    /// Timestamp of the oldest record, milliseconds since 1970; -1 while there is none.
    private(set) var oldestRecord: Int64 = -1

    init(capacity: Int = 4096) {
        arena = ByteArena(capacity: capacity)
        endsMemory = .allocate(capacity: endsCapacity)
    }

    deinit { endsMemory.deallocate() }

    var byteCount: Int { arena.count }
    var isEmpty: Bool { frameCount == 0 }
    /// End of each frame, counted in bytes from the start. Valid until the next append or the end of the staging.
    var ends: UnsafeBufferPointer<UInt32> { UnsafeBufferPointer(start: endsMemory, count: frameCount) }

    /// Appends one text frame whose payload is `prefix`, `data` and `suffix` joined.
    @inline(__always)
    mutating func append(
        prefix: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer,
        recordTimestamp: Int64 = -1
    ) {
        if recordTimestamp >= 0, oldestRecord < 0 || recordTimestamp < oldestRecord { oldestRecord = recordTimestamp }
        let payload = prefix.count + data.count + suffix.count
        arena.reserve(payload + FrameHeader.maximumSize)
        arena.appendReserved { FrameHeader.write(payloadSize: payload, to: $0) }
        arena.appendReserved(prefix)
        arena.appendReserved(data)
        arena.appendReserved(suffix)
        if frameCount == endsCapacity { growEnds() }
        endsMemory[frameCount] = UInt32(truncatingIfNeeded: arena.count)
        frameCount += 1
    }

    /// Lends the bytes gathered so far.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { body(arena.bytes) }

    mutating func removeAll() {
        arena.removeAll()
        frameCount = 0
        oldestRecord = -1
    }

    @inline(never)
    private mutating func growEnds() {
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: endsCapacity * 2)
        larger.update(from: endsMemory, count: frameCount)
        endsMemory.deallocate()
        endsMemory = larger
        endsCapacity *= 2
    }
}
