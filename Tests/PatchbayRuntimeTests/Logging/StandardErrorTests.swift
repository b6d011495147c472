import Foundation
import TestSupport
import Testing

@testable import PatchbayRuntime

@Suite struct StandardErrorTests {
    private func makePipe() throws -> (reader: Int32, writer: Int32) {
        // A reader that goes away is an error here, not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    private func read(_ descriptor: Int32, _ count: Int) -> String {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = Foundation.read(descriptor, &buffer, count)
        return String(decoding: buffer.prefix(max(0, got)), as: UTF8.self)
    }

    @Test func aFullPipeHoldsNobodyUpForLongAndThenNotAtAll() throws {
        let (reader, writer) = try makePipe()
        defer {
            close(reader)
            close(writer)
        }
        let output = StandardError(descriptor: writer)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 999) + [UInt8(ascii: "\n")]
        var written = 0
        while output.write(line) { written += 1 }
        #expect(written >= 15)
        // Stuck now: a thousand more lines at the full patience each would take minutes.
        let start = ContinuousClock.now
        for _ in 0..<1000 { #expect(!output.write(line)) }
        #expect(.now - start < .seconds(60))
        var drained = 0
        while drained < written * line.count { drained += read(reader, 65536).utf8.count }
        #expect(output.write(Array("again\n".utf8)))
        #expect(read(reader, 100) == "again\n")
    }

    @Test func aLineThatWasCutIsEndedBeforeTheNextOne() throws {
        let (reader, writer) = try makePipe()
        defer {
            close(reader)
            close(writer)
        }
        let output = StandardError(descriptor: writer)
        #expect(!output.write([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)))
        var drained = 0
        while drained < 65536 { drained += read(reader, 65536).utf8.count }
        #expect(output.write(Array("next\n".utf8)))
        #expect(read(reader, 100) == "\nnext\n")
    }

    @Test func aReaderThatWentAwayIsNoSignalAndNoWait() throws {
        let (reader, writer) = try makePipe()
        close(reader)
        defer { close(writer) }
        let output = StandardError(descriptor: writer)
        #expect(!output.write(Array("x\n".utf8)))
        #expect(!output.write(Array("x\n".utf8)))
    }

    @Test func aSocketThatIsFullDoesNotBlock() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer {
            close(ends[0])
            close(ends[1])
        }
        let output = StandardError(descriptor: ends[0])
        #expect(output.write(Array("hello\n".utf8)))
        #expect(read(ends[1], 100) == "hello\n")
        #expect(!output.write([UInt8](repeating: 1, count: 16 << 20)))
    }

    @Test func linesOfManyThreadsDoNotMix() async throws {
        let (reader, writer) = try makePipe()
        defer { close(reader) }
        // Patient, because the reader may be slow on a busy machine and nothing may be dropped here.
        let output = StandardError(descriptor: writer, patience: .seconds(60))
        let (threads, each) = (4, 200)
        async let text: String = offPool {
            var all = [UInt8]()
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = Foundation.read(reader, &chunk, chunk.count)
                guard count > 0 else { return String(decoding: all, as: UTF8.self) }
                all += chunk.prefix(count)
            }
        }
        try await offPool {
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                let line = [UInt8](repeating: UInt8(ascii: "a") + UInt8(thread), count: 2000 + thread * 3000) + [10]
                for _ in 0..<each { _ = output.write(line) }
            }
        }
        close(writer)
        let lines = try await text.utf8.split(separator: 10)
        #expect(lines.allSatisfy { Set($0).count == 1 })
        #expect(Set(lines.map { $0.count }).isSubset(of: [2000, 5000, 8000, 11000]))
        #expect(lines.count == threads * each)
    }
}
