import DequeModule
import NIOCore

/// The messages that a channel log holds: an open buffer that frames are appended to, and sealed batches that are read. Which of
/// them are still needed is its owner's to say.
///
/// Pure: no lock, no clock, no threads.
struct BatchRing {
    /// An open buffer is sealed when it grows past this, so that a slice in flight keeps little memory alive.
    static let sealAtBytes = 128 << 10

    /// Channel offset after the newest message.
    private(set) var head: Int64 = 0
    /// Bytes of all frames so far, held or not.
    private(set) var appendedBytes: Int64 = 0
    private(set) var sealed: Deque<SealedBatch> = []
    private var sealedBytes = 0
    /// Bytes of sealed batches in other forms, by batch. Hardly ever any.
    private var derivedBytes: [ObjectIdentifier: Int] = [:]
    private var openBytes = ByteBuffer()
    private var openEnds: [UInt32] = []
    private var openCapacity = 1024
    /// Timestamp of the oldest record in the open buffer; -1 while there is none.
    private var openOldestRecord: Int64 = -1

    /// Bytes that are held, in all forms.
    var byteCount: Int { sealedBytes + openBytes.readableBytes }

    /// Channel offset of the oldest message that is held; the head when none is.
    var tail: Int64 { sealed.first?.firstOffset ?? head - Int64(openEnds.count) }

    // MARK: Appending

    /// Gives the frames their channel offsets without holding them, because nobody needs them.
    mutating func pass(_ staging: borrowing FrameStaging) {
        head += Int64(staging.frameCount)
        appendedBytes += Int64(staging.byteCount)
    }

    /// Holds all frames of a batch, in order, under consecutive channel offsets.
    mutating func append(_ staging: borrowing FrameStaging) {
        if openBytes.readableBytes + staging.byteCount > Self.sealAtBytes { seal() }
        if openEnds.isEmpty {
            openBytes = ByteBufferAllocator().buffer(capacity: max(openCapacity, staging.byteCount))
            openEnds.reserveCapacity(staging.frameCount)
        }
        let base = UInt32(truncatingIfNeeded: openBytes.readableBytes)
        _ = staging.withBytes { openBytes.writeBytes($0) }
        if base == 0 {
            openEnds.append(contentsOf: staging.ends)
        } else {
            for end in staging.ends { openEnds.append(base + end) }
        }
        if staging.oldestRecord >= 0, openOldestRecord < 0 || staging.oldestRecord < openOldestRecord {
            openOldestRecord = staging.oldestRecord
        }
        pass(staging)
    }

    /// Makes what is open readable. Readers' positions are seal points.
    mutating func seal() {
        guard !openEnds.isEmpty else { return }
        let bytes = openBytes
        let batch = SealedBatch(
            firstOffset: head - Int64(openEnds.count), bytes: bytes, ends: openEnds, oldestRecord: openOldestRecord)
        // The next buffer starts as large as this one became, so that steady traffic doesn't grow it step by step.
        openCapacity = min(max(bytes.readableBytes, 256), Self.sealAtBytes)
        sealed.append(batch)
        sealedBytes += bytes.readableBytes
        clearOpen()
    }

    private mutating func clearOpen() {
        openBytes = ByteBuffer()
        openEnds = []
        openOldestRecord = -1
    }

    // MARK: Letting go

    mutating func removeAll() {
        sealed.removeAll(keepingCapacity: false)
        sealedBytes = 0
        derivedBytes = [:]
        clearOpen()
        openCapacity = 1024
    }

    /// Lets go of sealed batches that end at `needed` or before, and of the oldest ones while there is more than `maximumBytes`.
    mutating func evict(before needed: Int64, maximumBytes: Int) {
        while let oldest = sealed.first {
            guard oldest.endOffset <= needed || byteCount > maximumBytes else { return }
            sealed.removeFirst()
            sealedBytes -= bytes(of: oldest)
            derivedBytes[ObjectIdentifier(oldest)] = nil
        }
    }

    /// A sealed batch was put into one more form. It counts like everything else that is held; a batch that is held no longer is
    /// its readers' alone.
    mutating func add(derivedBytes count: Int, of batch: SealedBatch) {
        let index = index(of: batch.firstOffset)
        guard index < sealed.count, sealed[index] === batch else { return }
        derivedBytes[ObjectIdentifier(batch), default: 0] += count
        sealedBytes += count
    }

    /// What a sealed batch counts for.
    private func bytes(of batch: SealedBatch) -> Int {
        batch.bytes.readableBytes + (derivedBytes.isEmpty ? 0 : derivedBytes[ObjectIdentifier(batch), default: 0])
    }

    // MARK: Reading

    /// The sealed batches with messages from `position` on, a seal point.
    func batches(from position: Int64) -> [SealedBatch] {
        var batches: [SealedBatch] = []
        for batch in sealed.reversed() {
            if batch.endOffset <= position { break }
            batches.append(batch)
        }
        batches.reverse()
        return batches
    }

    /// Whether more than `most` bytes are held of batches with messages from `position` on.
    func holds(moreThan most: Int, from position: Int64) -> Bool {
        var bytes = openBytes.readableBytes
        for batch in sealed.reversed() {
            if batch.endOffset <= position || bytes > most { break }
            bytes += self.bytes(of: batch)
        }
        return bytes > most
    }

    /// Channel offset of the oldest message that belongs to the newest `messages` and, with everything after it, takes no more than
    /// `maxBytes`. What is not sealed yet always does.
    func start(ofNewest messages: Int, maxBytes: Int) -> Int64 {
        var start = head - Int64(openEnds.count)
        var size = openBytes.readableBytes
        for batch in sealed.reversed() {
            size += bytes(of: batch)
            if size > maxBytes || head - start >= Int64(messages) { break }
            start = batch.firstOffset
        }
        return max(start, head - Int64(messages))
    }

    /// Up to `maxBytes` of sealed messages from `position` on (at least one message if there is any).
    ///
    /// - Parameter keepingNewest: read no more than this many of the newest messages; older ones count as missed.
    func read(from position: Int64, maxBytes: Int, keepingNewest: Int?) -> ChannelLog.Reading {
        var start = max(position, sealed.first?.firstOffset ?? head)
        if let keepingNewest { start = max(start, head - Int64(keepingNewest)) }
        var reading = ChannelLog.Reading(missed: start - position, parts: [], next: start, head: head, byteCount: 0)
        var index = index(of: start)
        while index < sealed.count, reading.byteCount < maxBytes {
            let batch = sealed[index]
            let part = batch.part(from: reading.next, maxBytes: maxBytes - reading.byteCount)
            // A part has at least one message; only the first one may exceed the limit for its sake.
            if reading.byteCount > 0, reading.byteCount + part.byteCount > maxBytes { break }
            if reading.oldestRecord < 0 { reading.oldestRecord = batch.oldestRecord }
            reading.parts.append(part)
            reading.byteCount += part.byteCount
            reading.next = part.endOffset
            if part.endOffset < batch.endOffset { break }
            index += 1
        }
        return reading
    }

    /// Index of the sealed batch that holds `offset`, or `count` when it is the head.
    private func index(of offset: Int64) -> Int {
        var low = 0
        var high = sealed.count
        while low < high {
            let middle = (low + high) / 2
            if sealed[middle].endOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
