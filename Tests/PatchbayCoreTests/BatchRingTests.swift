import NIOCore
import Testing

@testable import PatchbayCore

/// The ring by itself, against a list of everything that was appended.
@Suite struct BatchRingTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }

    /// A batch of frames whose payloads are numbers, padded.
    private static func append(_ numbers: Range<Int>, padding: Int, to ring: inout BatchRing, holding: Bool) {
        var staging = FrameStaging()
        let filler = String(repeating: " ", count: padding)
        for number in numbers {
            Array("\(filler)\(number)".utf8).withUnsafeBytes { payload in
                staging.append(
                    prefix: UnsafeRawBufferPointer(start: nil, count: 0), data: payload,
                    suffix: UnsafeRawBufferPointer(start: nil, count: 0), recordTimestamp: Int64(number))
            }
        }
        if holding { ring.append(staging) } else { ring.pass(staging) }
    }

    private static func numbers(_ buffers: [ByteBuffer]) -> [Int] {
        payloads(buffers).map { Int($0.filter { $0 != " " }) ?? -1 }
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func readsAndEvictionsAreThoseOfAList(seed: UInt64) {
        var generator = Generator(state: seed)
        var ring = BatchRing()
        var next = 0
        for _ in 0..<400 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...3:
                let count = Int.random(in: 1...20, using: &generator)
                Self.append(
                    next..<next + count, padding: Int.random(in: 0...8_000, using: &generator), to: &ring, holding: true)
                next += count
            case 4: ring.seal()
            case 5:
                let needed = Int64(Int.random(in: 0...next, using: &generator))
                let most = Int.random(in: 0...400_000, using: &generator)
                ring.seal()
                ring.evict(before: needed, maximumBytes: most)
                #expect(ring.byteCount <= most || ring.sealed.isEmpty)
                // What is needed went only for the bound's sake.
                #expect(ring.tail <= needed || ring.tail == ring.head || most < 400_000)
            case 6:
                ring.seal()
                let position = Int64(Int.random(in: 0...next, using: &generator))
                let most = Int.random(in: 1...100_000, using: &generator)
                let newest = Bool.random(using: &generator) ? Int.random(in: 0...50, using: &generator) : nil
                let reading = ring.read(from: position, maxBytes: most, keepingNewest: newest)
                let start = max(position, ring.tail, newest.map { ring.head - Int64($0) } ?? 0)
                #expect(reading.missed == start - position && reading.head == Int64(next))
                #expect(Self.numbers(reading.slices) == Array(Int(start)..<Int(reading.next)))
                #expect(reading.byteCount <= most || reading.next == start + 1)
                #expect(reading.next > start || start == ring.head)
            default:
                ring.seal()
                let taken = ring.batches(from: ring.tail)
                #expect(taken.map(\.bytes.readableBytes).reduce(0, +) == ring.byteCount)
                #expect(Self.numbers(taken.map(\.bytes)) == Array(Int(ring.tail)..<next))
            }
            #expect(ring.head == Int64(next) && ring.tail <= ring.head)
        }
    }

    @Test func whatNobodyNeedsIsCountedAndNotHeld() {
        var ring = BatchRing()
        Self.append(0..<3, padding: 0, to: &ring, holding: false)
        #expect(ring.head == 3 && ring.tail == 3 && ring.byteCount == 0 && ring.appendedBytes > 0)
        Self.append(3..<5, padding: 0, to: &ring, holding: true)
        #expect(ring.tail == 3 && ring.byteCount > 0 && !ring.holds(moreThan: ring.byteCount, from: 3))
        ring.seal()
        #expect(ring.holds(moreThan: 1, from: 3) && !ring.holds(moreThan: 1, from: 5))
        ring.removeAll()
        #expect(ring.head == 5 && ring.tail == 5 && ring.byteCount == 0)
    }

    @Test func theOldestRecordOfABatchIsKept() {
        var ring = BatchRing()
        Self.append(7..<9, padding: 0, to: &ring, holding: true)
        Self.append(3..<4, padding: 0, to: &ring, holding: true)
        ring.seal()
        #expect(ring.sealed.map(\.oldestRecord) == [3])
    }
}
