import NIOCore
import Testing

@testable import PatchbayCore

/// Frames whose payload is their channel offset, so that every byte read says where it belongs.
func append(_ count: Int, to log: ChannelLog, payloadSize: Int = 8, batchSize: Int = .max) {
    var next = Int(log.head)
    var left = count
    while left > 0 {
        var staging = FrameStaging()
        for _ in 0..<min(left, batchSize) {
            let digits = String(next)
            let text = String(repeating: "0", count: payloadSize - digits.count) + digits
            Array(text.utf8).withUnsafeBytes {
                staging.append(prefix: .init(start: nil, count: 0), data: $0, suffix: .init(start: nil, count: 0))
            }
            next += 1
        }
        left -= staging.frameCount
        log.append(staging)
    }
}

/// Splits server frames into their payloads as text.
func payloads(_ buffers: [ByteBuffer]) -> [String] {
    var all = ByteBuffer()
    for buffer in buffers { all.writeImmutableBuffer(buffer) }
    var texts: [String] = []
    while let first = all.readInteger(as: UInt8.self), let short = all.readInteger(as: UInt8.self) {
        guard first == 0x81 else { return texts + ["not a text frame"] }
        let length: Int? =
            switch short {
            case 126: all.readInteger(as: UInt16.self).map(Int.init)
            case 127: all.readInteger(as: UInt64.self).map(Int.init)
            default: Int(short)
            }
        guard let length, let text = all.readString(length: length) else { return texts + ["a cut frame"] }
        texts.append(text)
    }
    return texts
}

func numbers(_ buffers: [ByteBuffer]) -> [Int] { payloads(buffers).map { Int($0) ?? -1 } }

@Suite struct ChannelLogTests {
    @Test func takesEverythingSinceTheLastLookInOrder() {
        let log = ChannelLog(name: "c")
        append(5, to: log)
        #expect(log.attach(loop: 0) == 5)
        append(3, to: log)
        append(2, to: log)
        let first = log.take(loop: 0)
        #expect(first.first == 5)
        #expect(first.head == 10)
        #expect(numbers(first.batches.map(\.bytes)) == Array(5..<10))
        #expect(log.take(loop: 0).batches.isEmpty)
        append(1, to: log)
        #expect(numbers(log.take(loop: 0).batches.map(\.bytes)) == [10])
    }

    @Test func smallAppendsBetweenTwoLooksBecomeOneBatch() {
        let log = ChannelLog(name: "c")
        _ = log.attach(loop: 0)
        append(50, to: log, batchSize: 1)
        #expect(log.take(loop: 0).batches.count == 1)
    }

    @Test func readsFromAnyPositionAcrossBatches() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1000))
        _ = log.attach(loop: 0)
        for _ in 0..<10 {
            append(7, to: log)
            _ = log.take(loop: 0)
        }
        for position in 0...70 {
            let reading = log.read(from: Int64(position), maxBytes: .max)
            #expect(numbers(reading.slices) == Array(position..<70))
            #expect(reading.missed == 0)
            #expect(reading.next == 70)
        }
    }

    @Test func readsNoMoreThanAskedButAlwaysOneMessage() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1000))
        _ = log.attach(loop: 0)
        append(20, to: log)
        // A frame has 10 bytes here: 2 of header and 8 of payload.
        let reading = log.read(from: 3, maxBytes: 45)
        #expect(numbers(reading.slices) == [3, 4, 5, 6])
        #expect(reading.next == 7)
        #expect(numbers(log.read(from: 3, maxBytes: 1).slices) == [3])
    }

    @Test func keepsTheNewestMessagesAndSaysHowManyWereMissed() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 10))
        _ = log.attach(loop: 0)
        for _ in 0..<20 {
            append(5, to: log)
            _ = log.take(loop: 0)
        }
        let reading = log.read(from: 40, maxBytes: .max, keepingNewest: 10)
        #expect(reading.missed == 50)
        #expect(numbers(reading.slices) == Array(90..<100))
    }

    @Test func holdsWhatALoopHasNotTakenHoweverSmallTheBuffer() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1))
        _ = log.attach(loop: 0)
        append(50_000, to: log, batchSize: 100)
        let view = log.take(loop: 0)
        #expect(view.first == 0)
        #expect(numbers(view.batches.map(\.bytes)) == Array(0..<50_000))
    }

    @Test func holdsForTheSlowestOfSeveralLoops() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1))
        _ = log.attach(loop: 0)
        _ = log.attach(loop: 1)
        append(30_000, to: log, batchSize: 100)
        log.release(loop: 0, before: log.take(loop: 0).head)
        append(30_000, to: log, batchSize: 100)
        log.release(loop: 0, before: log.take(loop: 0).head)
        #expect(numbers(log.take(loop: 1).batches.map(\.bytes)) == Array(0..<60_000))
    }

    /// What only a loop that has left still needed was held until the channel's next message.
    @Test func letsGoOfWhatALoopThatLeftHadNotTaken() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1))
        _ = log.attach(loop: 0)
        _ = log.attach(loop: 1)
        append(100, to: log)
        log.release(loop: 0, before: log.take(loop: 0).head)
        #expect(log.figures.messagesRetained == 100)
        log.detach(loop: 1)
        #expect(log.figures.bytesRetained == 0 && log.figures.messagesRetained == 0)
    }

    @Test func boundsItsBytesWhateverIsNeeded() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1_000_000, maximumBytes: 1 << 20))
        _ = log.attach(loop: 0)
        append(100_000, to: log, payloadSize: 100, batchSize: 100)
        #expect(log.figures.bytesRetained <= 1 << 20)
        let view = log.take(loop: 0)
        #expect(view.first > 0)
        #expect(view.head == 100_000)
        #expect(numbers(view.batches.map(\.bytes)) == Array(Int(view.first)..<100_000))
        #expect(log.figures.messagesRetained == 100_000 - view.first)
    }

    /// What had been handed out was let go of with the channel's next message only: after a burst a quiet channel kept
    /// up to 8 MiB, times thousands of templates.
    @Test func letsGoOfABurstWithoutAnotherMessage() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 10))
        _ = log.attach(loop: 0)
        append(100_000, to: log, batchSize: 100)
        log.release(loop: 0, before: log.take(loop: 0).head)
        #expect(log.figures.bytesRetained == 0)
    }

    @Test func holdsTheBufferWhileALoopHasStalledSubscribers() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 10))
        _ = log.attach(loop: 0)
        append(20, to: log)
        log.release(loop: 0, before: log.take(loop: 0).head, hasStalled: true)
        #expect(numbers(log.read(from: 0, maxBytes: .max, keepingNewest: 10).slices) == Array(10..<20))
        append(5, to: log)
        log.release(loop: 0, before: log.take(loop: 0).head)
        #expect(log.figures.bytesRetained == 0 && log.figures.messagesRetained == 0)
    }

    /// Plain channels held their newest messages although nobody could read them: subscribers begin at the head.
    @Test func holdsNothingWithoutReaders() {
        let log = ChannelLog(name: "c")
        append(100, to: log)
        #expect(log.figures.bytesRetained == 0 && log.figures.messages == 100)
        _ = log.attach(loop: 0)
        append(100, to: log)
        #expect(log.figures.messagesRetained == 100)
        log.detach(loop: 0)
        #expect(log.figures.bytesRetained == 0)
        append(100, to: log)
        #expect(log.figures.bytesRetained == 0 && log.figures.messages == 300)
    }

    @Test func tellsEachLoopOfNewsOnceUntilItLooks() {
        let log = ChannelLog(name: "c")
        #expect(log.loopsToTell() == 0)
        _ = log.attach(loop: 0)
        _ = log.attach(loop: 3)
        #expect(log.loopsToTell() == 0b1001)
        #expect(log.loopsToTell() == 0)
        _ = log.take(loop: 3)
        #expect(log.loopsToTell() == 0b1000)
        log.detach(loop: 3)
        _ = log.take(loop: 0)
        #expect(log.loopsToTell() == 0b0001)
    }

    @Test func isBackloggedUntilALoopReleasesWhatItTook() {
        let log = ChannelLog(name: "c", limits: .init(backlogBytes: 1000))
        append(1000, to: log)
        #expect(!log.isBacklogged)
        let position = log.attach(loop: 0)
        append(101, to: log)
        #expect(log.isBacklogged)
        let view = log.take(loop: 0)
        #expect(log.isBacklogged)
        log.release(loop: 0, before: position + 1)
        #expect(log.isBacklogged)
        log.release(loop: 0, before: view.head)
        #expect(!log.isBacklogged)
    }

    @Test func holdsWhatWasTakenUntilItIsReleased() {
        let log = ChannelLog(name: "c", limits: .init(messageBuffer: 1))
        _ = log.attach(loop: 0)
        append(30_000, to: log, batchSize: 100)
        let view = log.take(loop: 0)
        append(30_000, to: log, batchSize: 100)
        #expect(log.read(from: 10, maxBytes: 100).missed == 0)
        log.release(loop: 0, before: 20_000)
        append(1, to: log)
        #expect(log.read(from: 20_000, maxBytes: 100).missed == 0)
        #expect(log.read(from: 0, maxBytes: 100).missed > 0)
        log.release(loop: 0, before: view.head)
        append(1, to: log)
        #expect(log.read(from: 20_000, maxBytes: 100).missed > 0)
    }

    @Test func largeFramesKeepTheirLengths() {
        let log = ChannelLog(name: "c")
        _ = log.attach(loop: 0)
        for size in [125, 126, 65_535, 65_536, 300_000] { append(1, to: log, payloadSize: size) }
        #expect(payloads(log.take(loop: 0).batches.map(\.bytes)).map(\.count) == [125, 126, 65_535, 65_536, 300_000])
    }
}
