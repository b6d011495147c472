import CAllocationCounter
import Glibc
import Logging
import NIOCore
import NIOPosix
import PatchbayCore
import TestSupport
import Testing

@testable import PatchbayDelivery

/// Bytes go to the socket by system calls of our own, and through the channel's pipeline once the socket is full. However the two
/// take turns, a client gets them all, in order.
@Suite struct SocketWriterTests {
    /// Writes slices of all sizes, several to a flush, and messages of its own in between, until it has written enough.
    private final class Talker: MessageHandler {
        private static let slices = 4000
        private let written: EventLoopPromise<[UInt8]>
        private var all: [UInt8] = []
        private var next = 0
        private var generator = SeededGenerator(state: 7)

        init(_ written: EventLoopPromise<[UInt8]>) { self.written = written }

        func connectionOpened(_ connection: any ClientConnection) { talk(on: connection) }

        func connectionBecameWritable(_ connection: any ClientConnection) { talk(on: connection) }

        /// Goes on although the socket is full now and then: what waits in the channel has to be waited for.
        private func talk(on connection: any ClientConnection) {
            var pressed = 0
            while next < Self.slices, !connection.isSocketFull || pressed < 3 {
                if connection.isSocketFull { pressed += 1 }
                for _ in 0..<Int.random(in: 1...100, using: &generator) where next < Self.slices {
                    let size = Int.random(in: 0...10, using: &generator) == 0 ? 20_000 : Int.random(in: 1...600, using: &generator)
                    let slice = ByteBuffer(repeating: UInt8(truncatingIfNeeded: next), count: size)
                    all.append(contentsOf: slice.readableBytesView)
                    connection.write(frames: slice)
                    next += 1
                }
                if Bool.random(using: &generator) {
                    let message = ByteBuffer(string: "{\(next)}")
                    all.append(contentsOf: ServerFrame.message(message, isText: true).readableBytesView)
                    connection.send(message: message, isText: true)
                } else {
                    connection.flush()
                }
            }
            guard next == Self.slices else { return }
            next += 1
            // What was not flushed comes before the close frame.
            let last = ByteBuffer(string: "last")
            connection.write(frames: last)
            connection.close(.goingAway, reason: "bye")
            all.append(contentsOf: last.readableBytesView)
            all.append(contentsOf: ServerFrame.close(code: CloseCode.goingAway.number, reason: "bye").readableBytesView)
            written.succeed(all)
        }

        func received(text: ByteBuffer, on connection: any ClientConnection) {}
        func received(binary: ByteBuffer, on connection: any ClientConnection) {}
        func connectionClosed(_ connection: any ClientConnection) {}
    }

    /// One message to one client is one system call, and no allocation.
    @Test func aWriteAllocatesNothing() throws {
        var ends: [CInt] = [0, 0]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        var writer = SocketWriter(descriptor: ends[0])
        var space = [UInt8](repeating: 0, count: 4096)
        let slice = ByteBuffer(repeating: 7, count: 400)
        var rest = 0
        func write(_ times: Int) {
            for _ in 0..<times {
                writer.append(slice)
                rest += writer.flush()?.count ?? 0
                _ = recv(ends[1], &space, space.count, 0)
            }
        }
        write(10)
        let before = allocation_count()
        write(1000)
        #expect(allocation_count() == before && rest == 0)
    }

    @Test func everythingArrivesInOrderWhetherOrNotTheSocketIsFull() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let written = group.next().makePromise(of: [UInt8].self)
        let environment = ConnectionEnvironment(
            ServerConfiguration(), acceptsBinary: false, slots: ConnectionSlots(most: 1), counters: LimitCounters(),
            log: ConnectionLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.socketOption(.so_sndbuf), value: 8192)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 16_384, high: 32_768))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        WebSocketConnection(environment: environment, client: ClientIdentity(id: .random()), handler: Talker(written)))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try TestSocket(port: try #require(listener.localAddress?.port), receiveBuffer: 4096)
        let received = try await client.receiveToEnd()
        let expected = try await written.futureResult.get()
        #expect(expected.count > 1_000_000 && received.count == expected.count, "\(received.count) of \(expected.count)")
        // Not compared as arrays: a failure would describe megabytes.
        let firstWrong = zip(received, expected).enumerated().first { $1.0 != $1.1 }?.offset
        #expect(firstWrong == nil)
        client.close()
        try await listener.close()
    }
}
