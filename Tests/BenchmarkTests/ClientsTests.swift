import CLoad
import Glibc
import Testing

/// The measuring itself is measured: a generator that overlooks a lost or doubled message proves nothing.
@Suite(.timeLimit(.minutes(1)))
struct ClientsTests {
    /// Two connections, of which the first is drained and the second is sampled, and what they counted afterwards.
    private func run(
        drained: [[UInt8]], sampled: [[UInt8]], produced: UInt64, pieces: Int = .max, partitions: Int = 1
    ) throws -> cload_stats {
        let server = try ScriptedServer()
        let crowd = try Crowd(port: server.port, connections: 2, sampled: 1, partitions: partitions)
        try server.welcome(2, pieces: pieces)
        #expect(crowd.connected().ready == 2)
        crowd.mark()
        try server.send(drained, to: 0, pieces: pieces)
        try server.send(sampled, to: 1, pieces: pieces)
        crowd.waitBytes(drained.joined().count + sampled.joined().count)
        return crowd.stats(end: produced)
    }

    private let twenty = (0..<20).map { Frame.trade($0) }
    private let threeBlocks = (0..<192).map { Frame.trade($0) }

    @Test("Messages are counted the same whole, glued, and byte by byte", arguments: [Int.max, 1, 3, 441, 1_000])
    func everyWayOfReading(pieces: Int) throws {
        let stats = try run(drained: twenty, sampled: twenty, produced: 20, pieces: pieces)
        #expect(stats.messages == 20)
        #expect(stats.sampled_exact == 1)
        #expect(stats.drained_exact == 1)
        #expect(stats.frame_bytes == UInt32(twenty[0].count))
        #expect(stats.frames_equal)
        #expect(stats.protocol_errors == 0)
    }

    @Test("A lost message makes its connection inexact")
    func loss() throws {
        let stats = try run(
            drained: Array(twenty.dropLast()), sampled: twenty.filter { $0 != twenty[7] }, produced: 20)
        #expect(stats.sampled_exact == 0)
        #expect(stats.messages == 19)
    }

    @Test("A drained connection that got one message less is noticed by its bytes")
    func drainedLoss() throws {
        let stats = try run(drained: Array(twenty.dropLast()), sampled: twenty, produced: 20)
        #expect(stats.sampled_exact == 1)
        #expect(stats.drained_exact == 0)
        #expect(stats.drained_inexact == 1)
    }

    @Test("The end of the stream is checked too")
    func lossAtTheEnd() throws {
        let stats = try run(drained: twenty, sampled: twenty, produced: 21)
        #expect(stats.sampled_exact == 0)
    }

    @Test("A doubled message is noticed even where a lost one evens the count out")
    func duplicate() throws {
        var doubled = twenty
        doubled[8] = twenty[7]
        let stats = try run(drained: twenty, sampled: doubled, produced: 20)
        #expect(stats.messages == 20)
        #expect(stats.duplicates_or_reordered == 1)
        #expect(stats.sampled_exact == 0)
    }

    @Test("Two exchanged messages of one partition are noticed")
    func reordered() throws {
        var exchanged = threeBlocks
        exchanged.swapAt(4, 8)
        let stats = try run(drained: threeBlocks, sampled: exchanged, produced: 192, partitions: 2)
        // Four messages come after a later one.
        #expect(stats.duplicates_or_reordered == 4)
        #expect(stats.sampled_exact == 0)
    }

    @Test("Messages of different partitions may overtake each other")
    func acrossPartitions() throws {
        // The third block is the first partition's again.
        let shuffled = Array(threeBlocks[64..<128] + threeBlocks[..<64] + threeBlocks[128...])
        let stats = try run(drained: threeBlocks, sampled: shuffled, produced: 192, partitions: 2)
        #expect(stats.sampled_exact == 1)
        #expect(stats.duplicates_or_reordered == 0)
        let wrong = Array(threeBlocks[128...] + threeBlocks[64..<128] + threeBlocks[..<64])
        #expect(try run(drained: wrong, sampled: wrong, produced: 192, partitions: 2).duplicates_or_reordered == 64)
    }

    @Test("A gap that says how many are missing adds up", arguments: [1, 4])
    func gapAddsUp(partitions: Int) throws {
        let sampled = Array(twenty[..<5]) + [Frame.gap(8)] + twenty[13...]
        let stats = try run(drained: twenty, sampled: sampled, produced: 20, partitions: partitions)
        #expect(stats.gap_messages == 1)
        #expect(stats.gap_dropped == 8)
        #expect(stats.messages == 12)
        #expect(stats.sampled_exact == 1)
    }

    @Test("Gaps whose sum is right but whose places are wrong are noticed")
    func misplacedGap() throws {
        let sampled = Array(twenty[..<5]) + [Frame.gap(1)] + twenty[7..<12] + [Frame.gap(2)] + twenty[13...]
        let stats = try run(drained: twenty, sampled: sampled, produced: 20)
        #expect(stats.gap_dropped == 3)
        #expect(stats.messages == 17)
        #expect(stats.gap_mismatches == 2)
        #expect(stats.sampled_exact == 0)
    }

    @Test("Pings are not mistaken for messages, on either kind of connection", arguments: [0, 2, 3, 4])
    func pings(drainedPings: Int) throws {
        let sampled = [Frame.ping] + twenty
        let drained = twenty + Array(repeating: Frame.ping, count: drainedPings)
        let stats = try run(drained: drained, sampled: sampled, produced: 20)
        #expect(stats.pings == 1)
        #expect(stats.sampled_exact == 1)
        #expect(stats.drained_exact == (drainedPings == 0 ? 1 : 0))
        #expect(stats.drained_exact_but_pings == ((1...3).contains(drainedPings) ? 1 : 0))
    }

    @Test("What a client counted before its connection was closed stays counted")
    func closed() throws {
        var server: ScriptedServer? = try ScriptedServer()
        let crowd = try Crowd(port: try #require(server).port, connections: 2, sampled: 1)
        try server?.welcome(2)
        #expect(crowd.connected().ready == 2)
        crowd.mark()
        try server?.send([Frame.trade(0), Frame.trade(0)])
        crowd.waitBytes(4 * Frame.trade(0).count)
        server = nil
        let deadline = cload_now() + 20_000_000_000
        while crowd.stats(end: 1).closed < 2, cload_now() < deadline { usleep(500) }
        let stats = crowd.stats(end: 1)
        #expect(stats.closed == 2)
        #expect(stats.messages == 2)
        #expect(stats.duplicates_or_reordered == 1)
        #expect(stats.sampled_exact == 0)
    }

    @Test("A long message and one of another length are read, and said to differ")
    func lengths() throws {
        let long = Frame.text(
            #"{"pad":""# + String(repeating: "x", count: 70_000) + #"","Seq":"000000000001","SentNs":"0000000000000000001"}"#)
        let frames = [Frame.trade(0), long, Frame.trade(2)]
        let stats = try run(drained: frames, sampled: frames, produced: 3, pieces: 40_000)
        #expect(stats.sampled_exact == 1)
        #expect(!stats.frames_equal)
    }

    @Test("A masked frame from the server ends the reading and is counted")
    func masked() throws {
        let server = try ScriptedServer()
        let crowd = try Crowd(port: server.port, connections: 1, sampled: 1)
        try server.welcome(1)
        #expect(crowd.connected().ready == 1)
        crowd.mark()
        // Read without its mask bit, this is three empty and legal messages.
        try server.send([[0x81, 0x80, 0x81, 0x00, 0x81, 0x00]])
        crowd.waitBytes(6)
        let stats = crowd.stats(end: 0)
        #expect(stats.protocol_errors == 1)
        #expect(stats.closed == 1)
        #expect(stats.sampled_exact == 0)
    }

    @Test(
        "An upgrade that is refused or answered wrongly is a failure that says why",
        arguments: [
            ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
            (ScriptedServer.accepted.replacingOccurrence(of: "s3pPLMBi", with: "xxxxxxxx"), "Sec-WebSocket-Accept"),
        ])
    func refused(answer: String, expected: String) throws {
        let server = try ScriptedServer()
        let crowd = try Crowd(port: server.port, connections: 1, sampled: 1)
        try server.welcome(1, answer: answer)
        var result = crowd.connected()
        #expect(result.failed == 1)
        let why = withUnsafeBytes(of: &result.first_failure) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        #expect(why.contains(expected))
    }

    @Test("A rate-limited reader takes no more than its rate, and the rest when it may")
    func slowReader() throws {
        let server = try ScriptedServer()
        let crowd = try Crowd(port: server.port, connections: 1, sampled: 1, bytesPerSecond: 20_000)
        try server.welcome(1)
        #expect(crowd.connected().ready == 1)
        crowd.mark()
        let start = cload_now()
        let frames = (0..<200).map { Frame.trade($0) }
        try server.send(frames)
        crowd.waitBytes(50_000)
        let bytes = cload_bytes(crowd.pointer)
        let seconds = Double(cload_now() - start) / 1e9
        // One second's worth may have been saved up while it was connecting.
        #expect(Double(bytes) <= 20_000 * (seconds + 1))
        #expect(bytes < UInt64(frames.joined().count))
        cload_set_read_rate(crowd.pointer, 0)
        crowd.waitBytes(frames.joined().count)
        #expect(crowd.stats(end: 200).sampled_exact == 1)
    }

    @Test("Latency is counted from the time in the message")
    func latency() throws {
        let server = try ScriptedServer()
        let crowd = try Crowd(port: server.port, connections: 1, sampled: 1)
        try server.welcome(1)
        #expect(crowd.connected().ready == 1)
        crowd.mark()
        let frame = Frame.trade(0, due: cload_now() - 3_000_000_000)
        try server.send([frame])
        crowd.waitBytes(frame.count)
        let latency = try #require(cload_histogram_create())
        defer { cload_histogram_destroy(latency) }
        var stats = cload_stats()
        cload_snapshot(crowd.pointer, 1, &stats, latency)
        #expect(cload_histogram_count(latency) == 1)
        #expect(cload_histogram_quantile(latency, 0.5) >= 3_000_000_000)
    }
}

extension String {
    fileprivate func replacingOccurrence(of part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return replacingCharacters(in: range, with: other)
    }

    private func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
