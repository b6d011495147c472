import Foundation
import TestSupport
import Testing

/// The echo server that conformance suites run against, as a process.
@Suite(.serialized) struct EchoTests {
    @Test func echoesTextBinaryAndFragmentsOfAnySize() async throws {
        let process = Process()
        process.executableURL = Bundle.main.bundleURL.appendingPathComponent("echo")
        process.arguments = ["--port", "0"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        defer { process.terminate() }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(line.firstMatch(of: /:([0-9]+)\n/).flatMap { Int($0.output.1) })

        let client = try await WebSocketTestClient(port: port, path: "/any/path?case=1")
        for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try await client.sendFrame(opcode: 2, payload: payload)
            let binary = try await client.receiveFrame()
            #expect(binary.opcode == 2 && binary.payload == payload)
            let text = payload.map { UInt8(ascii: "a") + $0 % 26 }
            try await client.sendFrame(opcode: 1, isFinal: false, payload: Array(text.prefix(size / 3)))
            try await client.sendFrame(opcode: 9, payload: [1, 2, 3])
            try await client.sendFrame(opcode: 0, payload: Array(text.dropFirst(size / 3)))
            let pong = try await client.receiveFrame()
            #expect(pong.opcode == 10 && pong.payload == [1, 2, 3])
            let echoed = try await client.receiveFrame()
            #expect(echoed.opcode == 1 && echoed.payload == text)
        }
        try await client.sendClose(1000)
        #expect(try await client.receiveClose().closeCode == 1000)
    }
}
