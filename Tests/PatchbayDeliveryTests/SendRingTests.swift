import CAllocationCounter
import Glibc
import NIOCore
import PatchbayCore
import TestSupport
import Testing

@testable import PatchbayDelivery

/// Many sends by one system call, where the kernel lets us. Where it doesn't, `RingFlusher` sends one by one, and these tests have
/// nothing to look at.
@Suite(.enabled(if: SendRing() != nil, "the kernel gives no io_uring here")) struct SendRingTests {
    /// Two ends of a stream, which close when they are let go.
    private final class Pair {
        let near: CInt
        let far: CInt

        init(sendBuffer: CInt = 0) throws {
            var ends: [CInt] = [0, 0]
            try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            (near, far) = (ends[0], ends[1])
            var size = sendBuffer
            if size > 0 { setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size)) }
        }

        deinit { for end in [near, far] { close(end) } }

        func receive(upTo count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let got = recv(far, &bytes, count, CInt(MSG_DONTWAIT))
            return Array(bytes.prefix(max(0, got)))
        }
    }

    @Test func everySendHasItsOwnResult() throws {
        let ring = try #require(SendRing())
        let pairs = try (0..<3).map { _ in try Pair() }
        let full = try Pair(sendBuffer: 4096)
        let gone = try Pair()
        shutdown(gone.far, CInt(SHUT_RDWR))
        let small = [UInt8](repeating: 1, count: 100)
        let large = [UInt8](repeating: 2, count: 1 << 20)
        small.withUnsafeBytes { small in
            large.withUnsafeBytes { large in
                for pair in pairs { #expect(ring.add(small, to: pair.near)) }
                #expect(ring.add(large, to: full.near) && ring.add(small, to: gone.near) && ring.add(small, to: -1))
                ring.submit()
            }
        }
        #expect((0..<3).map { ring.taken($0) } == [100, 100, 100] && !ring.isBroken)
        let taken = try #require(ring.taken(3))
        #expect(taken < large.count, "a full socket takes what it can")
        // Errors are no bytes: the channel gets them, and meets the same error.
        #expect(ring.taken(4) == 0 && ring.taken(5) == 0)
        for pair in pairs { #expect(pair.receive(upTo: 200) == small) }
        ring.removeAll()
        #expect(ring.taken(0) == nil && ring.count == 0)
    }

    @Test func itIsFullAtItsCapacity() throws {
        let ring = try #require(SendRing())
        let pair = try Pair()
        let byte: [UInt8] = [7]
        byte.withUnsafeBytes { byte in
            for _ in 0..<SendRing.capacity { #expect(ring.add(byte, to: pair.near)) }
            #expect(!ring.add(byte, to: pair.near))
            ring.submit()
        }
        #expect(pair.receive(upTo: 1000).count == SendRing.capacity)
    }

    /// However much of each round the sockets take, every one of them gets its bytes in order.
    @Test func writersThroughOneRingKeepTheirOrder() throws {
        let ring = try #require(SendRing())
        let pairs = try (0..<20).map { _ in try Pair(sendBuffer: 4096) }
        var writers = pairs.map { SocketWriter(descriptor: $0.near) }
        // What a socket didn't take waits here as it would in a channel.
        var waiting = pairs.map { _ in ByteBuffer() }
        var sent = pairs.map { _ in [UInt8]() }
        var received = pairs.map { _ in [UInt8]() }
        var generator = SeededGenerator(state: 11)
        var short = 0
        for round in 0..<400 {
            var added: [Int] = []
            for index in pairs.indices where waiting[index].readableBytes == 0 {
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    let size = Int.random(in: 1...3000, using: &generator)
                    let slice = ByteBuffer(repeating: UInt8(truncatingIfNeeded: round + size), count: size)
                    sent[index].append(contentsOf: slice.readableBytesView)
                    writers[index].append(slice)
                }
                if writers[index].add(to: ring) { added.append(index) }
            }
            ring.submit()
            for (place, index) in added.enumerated() {
                for slice in writers[index].flushed(try #require(ring.taken(place))) ?? [] { waiting[index].writeImmutableBuffer(slice) }
                if waiting[index].readableBytes > 0 { short += 1 }
            }
            ring.removeAll()
            for (index, pair) in pairs.enumerated() {
                received[index] += pair.receive(upTo: Int.random(in: 0...8000, using: &generator))
                let written = waiting[index].withUnsafeReadableBytes {
                    send(pair.near, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT))
                }
                if written > 0 { waiting[index].moveReaderIndex(forwardBy: written) }
            }
        }
        #expect(short > 100, "sockets were full \(short) times")
        for (index, pair) in pairs.enumerated() {
            while case let more = pair.receive(upTo: 1 << 20), !more.isEmpty { received[index] += more }
            sent[index].removeLast(waiting[index].readableBytes)
            // Not compared by the expectation: a failure would describe megabytes.
            let isSame = received[index] == sent[index]
            #expect(isSame, "socket \(index): \(received[index].count) of \(sent[index].count)")
        }
    }

    @Test func aRoundAllocatesNothing() throws {
        let ring = try #require(SendRing())
        let pairs = try (0..<10).map { _ in try Pair() }
        var writers = pairs.map { SocketWriter(descriptor: $0.near) }
        var space = [UInt8](repeating: 0, count: 4096)
        let slice = ByteBuffer(repeating: 7, count: 400)
        var rest = 0
        func round() {
            for index in writers.indices {
                writers[index].append(slice)
                if !writers[index].add(to: ring) { rest += 1 }
            }
            ring.submit()
            for index in writers.indices {
                rest += writers[index].flushed(ring.taken(index) ?? 0)?.count ?? 0
                _ = recv(pairs[index].far, &space, space.count, 0)
            }
            ring.removeAll()
        }
        for _ in 0..<10 { round() }
        let before = allocation_count()
        for _ in 0..<100 { round() }
        #expect(allocation_count() == before && rest == 0)
    }
}
