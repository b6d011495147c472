import NIOCore
import PatchbaySettings
import TestSupport
import Testing

@testable import PatchbayDelivery

private func frameParser(largest: Int, acceptsBinary: Bool) -> FrameParser {
    var settings = ServerSettings()
    settings.maxMessage = largest
    return FrameParser(settings, acceptsBinary: acceptsBinary)
}

/// Feeds the same bytes in every way a socket may deliver them, and returns the events if all ways agree.
func events(
    _ bytes: [UInt8], limit: Int = 1000, binary: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
) -> [ClientEvent] {
    func run(pieces: [ArraySlice<UInt8>]) -> [ClientEvent] {
        var parser = frameParser(largest: limit, acceptsBinary: binary)
        var events: [ClientEvent] = []
        for piece in pieces {
            var buffer = ByteBuffer(bytes: piece)
            while let event = parser.next(&buffer) { events.append(event) }
            #expect(buffer.readableBytes == 0, sourceLocation: sourceLocation)
        }
        return events
    }
    let whole = run(pieces: [bytes[...]])
    for size in [1, 2, 3, 7] {
        let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
        #expect(run(pieces: pieces) == whole, "fed \(size) bytes at a time", sourceLocation: sourceLocation)
    }
    return whole
}

private func frame(
    _ opcode: UInt8, _ payload: [UInt8] = [], final: Bool = true, reserved: UInt8 = 0, masked: Bool = true
) -> [UInt8] {
    WebSocketTestClient.frame(opcode: opcode, isFinal: final, reserved: reserved, isMasked: masked, payload: payload)
}

private func text(_ text: String) -> ClientEvent { .text(ByteBuffer(string: text)) }

private func code(_ events: [ClientEvent]) -> UInt16? {
    guard events.count == 1, case .violation(let code, _)? = events.first else { return nil }
    return code.number
}

@Suite struct FrameParserTests {
    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 999, 1000])
    func readsMessagesOfAnyAllowedSize(_ size: Int) {
        let payload = (0..<size).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        #expect(events(frame(1, payload)) == [.text(ByteBuffer(bytes: payload))])
    }

    @Test func readsMessagesWithLongLengths() {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 70_000)
        #expect(events(frame(1, payload), limit: 70_000) == [.text(ByteBuffer(bytes: payload))])
    }

    @Test func readsGluedMessages() {
        let bytes = frame(1, Array("one".utf8)) + frame(1, Array("two".utf8)) + frame(9, [1]) + frame(10)
        #expect(events(bytes) == [text("one"), text("two"), .ping(ByteBuffer(bytes: [1])), .pong])
    }

    @Test func joinsFragmentsAndHandlesControlFramesBetweenThem() {
        let bytes =
            frame(1, Array("He".utf8), final: false) + frame(9, [7]) + frame(0, [], final: false)
            + frame(0, Array("llo".utf8))
        #expect(events(bytes) == [.ping(ByteBuffer(bytes: [7])), .emptyFragment, text("Hello")])
    }

    /// Frames without payload inside a message were skipped without anybody knowing: a hundred million of them in eight
    /// seconds, all within one message that never ends. Each is told now; a last frame without payload ends its message.
    @Test func everyEmptyFragmentIsTold() {
        let bytes = frame(1, final: false) + frame(0, final: false) + frame(0, [65], final: false) + frame(0)
        #expect(events(bytes) == [.emptyFragment, .emptyFragment, text("A")])
        #expect(events(frame(1, final: false) + frame(0)) == [.emptyFragment, text("")])
        #expect(events(frame(1)) == [text("")])
    }

    @Test func payloadIsCounted() {
        var parser = frameParser(largest: 100, acceptsBinary: false)
        var input = ByteBuffer(bytes: frame(1, final: false) + frame(0, [65, 66], final: false) + frame(9, [7]))
        while parser.next(&input) != nil {}
        #expect(parser.payloadBytes == 3)
        var partial = ByteBuffer(bytes: frame(0, [65, 66, 67]).dropLast())
        while parser.next(&partial) != nil {}
        #expect(parser.payloadBytes == 5)
    }

    @Test func charactersMaySpanFragments() {
        let euro = Array("€".utf8)
        let bytes = frame(1, [euro[0]], final: false) + frame(0, [euro[1]], final: false) + frame(0, [euro[2]])
        #expect(events(bytes) == [text("€")])
    }

    @Test func binaryMessagesPassOnlyWhereAccepted() {
        let bytes = frame(2, [0xFF, 0x00])
        #expect(events(bytes, binary: true) == [.binary(ByteBuffer(bytes: [0xFF, 0x00]))])
        #expect(code(events(bytes)) == 1003)
    }

    @Test func protocolViolationsAre1002() {
        let cases: [(String, [UInt8])] = [
            ("unmasked", frame(1, [65], masked: false)),
            ("reserved bits", frame(1, [65], reserved: 4)),
            ("opcode 3", frame(3)), ("opcode 7", frame(7)), ("opcode 11", frame(11)), ("opcode 15", frame(15)),
            ("fragmented ping", frame(9, final: false)), ("fragmented close", frame(8, final: false)),
            ("long ping", frame(9, [UInt8](repeating: 0, count: 126))),
            ("continuation of nothing", frame(0, [65])),
            ("message inside message", frame(1, [65], final: false) + frame(1, [66])),
            ("close with one byte", frame(8, [3])),
            ("length 126 for a short frame", [0x81, 0xFE, 0, 5, 0, 0, 0, 0] + Array("Hello".utf8)),
            ("length 127 for a short frame", [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]),
            ("negative length", [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ]
        for (name, bytes) in cases { #expect(code(events(bytes)) == 1002, "\(name)") }
        for number in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            #expect(code(events(frame(8, [UInt8(number >> 8), UInt8(number & 0xFF)]))) == 1002, "close \(number)")
        }
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999])
    func validCloseCodesAreTaken(_ number: Int) {
        let bytes = frame(8, [UInt8(number >> 8), UInt8(number & 0xFF)] + Array("why".utf8))
        #expect(events(bytes + frame(1, [65])) == [.close(UInt16(number))])
    }

    @Test func closeWithoutCodeIsTaken() { #expect(events(frame(8)) == [.close(nil)]) }

    @Test func oversizedMessagesAreRefusedByTheirHeaderAlone() {
        let header = Array(frame(1, [UInt8](repeating: 65, count: 1001)).prefix(8))
        #expect(code(events(header)) == 1009)
        let fragments = frame(1, [UInt8](repeating: 65, count: 600), final: false)
        #expect(code(events(fragments + frame(0, [UInt8](repeating: 65, count: 401)))) == 1009)
        let huge: [UInt8] = [0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
        #expect(code(events(huge)) == 1009)
    }

    @Test func invalidTextIs1007AtTheFirstWrongByte() {
        #expect(code(events(frame(1, [65, 0xFF]))) == 1007)
        #expect(code(events(frame(1, [0xE2, 0x82]))) == 1007)
        #expect(code(events(frame(8, [3, 0xE8, 0xC3, 0x28]))) == 1007)
        // The frame is not complete, and need not be: 0xF5 can't start any character.
        #expect(code(events(Array(frame(1, [0xF5] + [UInt8](repeating: 65, count: 50)).prefix(10)))) == 1007)
        #expect(code(events(frame(1, [65], final: false) + frame(0, [0xC0]))) == 1007)
    }

    @Test func nothingIsParsedAfterAViolation() {
        #expect(events(frame(3) + frame(1, [65]) + frame(9)).count == 1)
    }

    /// Random bytes must never crash the parser, and any way of cutting them must read the same.
    @Test func randomBytesReadTheSameInAnyPieces() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            var bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if Bool.random() {
                bytes = frame(UInt8.random(in: 0...15), bytes, final: Bool.random()) + frame(1, Array(bytes.prefix(5)))
            }
            _ = events(bytes, binary: Bool.random())
        }
    }
}

@Suite struct UTF8ValidatorTests {
    private func accepts(_ bytes: [UInt8], pieces size: Int) -> Bool {
        var validator = UTF8Validator()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            guard piece.withUnsafeBytes({ validator.append($0) }) else { return false }
        }
        return validator.isComplete
    }

    /// Swift's own decoder is the judge: text is valid when decoding repairs nothing.
    private func isValid(_ bytes: [UInt8]) -> Bool { String(decoding: bytes, as: UTF8.self).utf8.elementsEqual(bytes) }

    @Test func agreesWithTheStandardLibraryOnAllShortSequences() {
        let interesting: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for a in interesting {
            for b in interesting {
                for c in interesting {
                    for d in interesting {
                        let bytes = [a, b, c, d]
                        let expected = isValid(bytes)
                        if accepts(bytes, pieces: 4) != expected || accepts(bytes, pieces: 1) != expected {
                            Issue.record("disagrees on \(bytes)")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test func longAsciiIsSkippedCorrectly() {
        for position in 0..<40 {
            var bytes = [UInt8](repeating: 65, count: 40)
            #expect(accepts(bytes, pieces: 40))
            bytes[position] = 0xFF
            #expect(!accepts(bytes, pieces: 40))
        }
    }
}
